"""``docs/plugin`` installed as a user installs it: its backend, device and section at work in the product as it is."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "docs" / "plugin"
WATTS = 42.5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chipassay(tmp_path_factory, cache_folder):
    """Runs the command line of a scratch environment: this one's packages, the plug-in, and its vendor's tool."""
    folder = tmp_path_factory.mktemp("plugged")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    inside = Path(subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                          text=True).strip())  # fmt: skip
    seen = [path for path in (*site.getsitepackages(), *sys.path) if path.endswith("-packages")]
    (inside / "seen.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in dict.fromkeys(seen))
    )
    copied = folder / "source"
    subprocess.run(["cp", "-r", PLUGIN, copied], check=True)
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--no-deps", "--no-index", "--no-build-isolation", copied], check=True, timeout=120)
    tools = folder / "bin"
    tools.mkdir()
    shutil.copy(PLUGIN / "stand_in" / "abacus-smi", tools)

    def run(*arguments, tool=True):
        path = f"{tools}{os.pathsep}{os.environ['PATH']}" if tool else os.environ["PATH"]
        done = subprocess.run(
            [python, "-m", "reports.cli.main", *map(str, arguments)],
            capture_output=True, text=True, timeout=300, check=False, cwd=folder, env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert "Traceback" not in done.stderr and "chipassay: the report leaves out" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def profiled(chipassay, tiny_checkpoint, tmp_path_factory):
    """A profile of the plug-in's target beside one of ours, with its report."""
    folder = tmp_path_factory.mktemp("profiled")
    done = chipassay(
        "profile", "--model", tiny_checkpoint, "--workload", "smoke", "--budget", 1, "--threads", 1,
        "--target", "abacus:0", "--target", "torch-cpu", "--out", folder / "run", "--report", folder / "report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_devices_lists_backend_meter_and_board(chipassay):
    listed = json.loads(chipassay("devices", "--json").stdout)
    (target,) = (target for target in listed["targets"] if target["name"] == "abacus")
    assert target["available"] and target["precisions"] == ["float32"]
    (meter,) = (meter for meter in listed["meters"] if meter["name"] == "abacus-smi")
    assert (meter["available"], meter["accelerator"], meter["grade"]) == (True, "abacus:0", "derived")
    (board,) = (board for board in listed["boards"] if board["tool"] == "abacus-smi")
    assert board["cards"][0]["name"] == "Abacus A1" and board["cards"][0]["power_w"] == WATTS
    assert "abacus" in chipassay("devices").stdout


def test_without_its_tool_the_target_is_unavailable(chipassay, tiny_checkpoint, tmp_path):
    arguments = ("--model", tiny_checkpoint, "--workload", "smoke", "--target", "abacus:0", "--out", tmp_path / "run")
    done = chipassay("profile", *arguments, tool=False)
    assert done.returncode == 3 and "abacus-smi" in done.stderr


def test_the_backend_passes_parity_and_its_meter_gives_joules(profiled):
    targets = {
        target["id"]: target for target in json.loads((profiled / "report" / "report.json").read_text())["targets"]
    }
    target = targets["abacus:0@float32"]
    assert target["status"] == "ok" and target["parity"]["passed"]
    assert target["hardware"]["chip"] == "Abacus A1"
    energy, power = (target["metrics"][name] for name in ("energy_per_output_token", "mean_power"))
    assert energy["grade"] == "derived" and energy["value"] > 0 and "abacus-smi" in energy["method"]
    assert power["value"] == pytest.approx(WATTS, rel=0.02)
    assert target["metrics"]["peak_device_memory"]["value"] == 900 << 20


def test_the_inventory_names_the_board(profiled, chipassay):
    parts = json.loads(chipassay("inspect", "--json", "--bundle", profiled / "run").stdout)["components"]
    assert [part["source"] for part in parts if part["name"] == "Abacus A1"] == ["abacus-smi"]


def test_its_section_is_in_every_format(profiled, chipassay):
    page = (profiled / "report" / "report.html").read_text()
    assert "<h2>Answers per kilowatt-hour" in page
    assert "## Answers per kilowatt-hour" in (profiled / "report" / "report.md").read_text()
    done = chipassay("report", profiled / "run", "--out", profiled / "zh", "--lang", "zh")
    assert done.returncode == 0, done.stderr
    for name in ("report.html", "report.md"):
        text = (profiled / "zh" / name).read_text()
        assert "每千瓦时回答数" in text and "Answers per kilowatt-hour" not in text
