"""The command line in a folder where files bear the names of our packages, or of modules that we import."""

import subprocess
import sys
from pathlib import Path

import pytest

from backends.torch_device.discovery import ask_pytorch
from profiler.ceilings.probe import CeilingProbe
from profiler.run.supervisor import worker_environment

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("chipassay")
PACKAGES = ("profiler", "backends", "reports", "msgspec")
MODULES = ("json.py", "torch.py", "numpy.py", "worker.py")


@pytest.fixture
def foreign(tmp_path):
    """Every file in it leaves a mark when it is imported."""
    folder = tmp_path / "foreign"
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in (*(f"{package}/__init__.py" for package in PACKAGES), *MODULES):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(marks / name.replace('/', '.'))!r}, 'w').close()\nraise ImportError('foreign')\n")
    return folder, marks


def run(folder, environment, *arguments):
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_devices_imports_nothing_of_it(foreign, environment):
    folder, marks = foreign
    done = run(folder, environment, "devices", "--json")
    assert done.returncode == 0, done.stderr
    assert list(marks.iterdir()) == []


def test_profile_and_its_workers_import_nothing_of_it(foreign, environment, small_run, tmp_path):
    folder, marks = foreign
    out = tmp_path / "out"
    done = run(folder, environment, *small_run, "--target", "torch-cpu", "--target", "onnx-cpu", "--out", out)
    assert list(marks.iterdir()) == []
    assert done.returncode == 0, done.stderr


def test_asking_pytorch_for_devices_imports_nothing_of_it(foreign, monkeypatch):
    folder, marks = foreign
    monkeypatch.chdir(folder)
    answer = ask_pytorch.__wrapped__("cuda")
    assert list(marks.iterdir()) == []
    assert "foreign" not in str(answer)


def test_the_ceilings_are_measured_by_a_process_that_imports_nothing_of_it(foreign, monkeypatch):
    folder, marks = foreign
    monkeypatch.chdir(folder)
    probe = CeilingProbe(1, ["float32"], worker_environment(1))
    try:
        probe.sample()
        assert probe.ceilings().gemm["float32"].value > 0
    finally:
        probe.close()
    assert list(marks.iterdir()) == []
