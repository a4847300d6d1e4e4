"""Writing the pins: what a file holds is what it would be written as."""

import sys

import pytest

from backends.common.errors import UnavailableError
from backends.toolchains import toolchains
from backends.toolchains.pinning import ask_pip, hashed, pins
from backends.toolchains.pythons import find_python


@pytest.mark.parametrize("name", ["tpu-mlir", "nncase", "rknn-toolkit2", "msopmodeling", "onnxruntime-cann"])
def test_a_shipped_file_is_as_it_would_be_written(name):
    text = toolchains()[name].requirements.read_text()
    wheels: dict[str, set[tuple[str, str]]] = {}
    files: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            files.append(line.removeprefix("# "))
        elif "==" in line:
            package = line.partition(" ")[0]
            wheels[package] = set()
        else:
            wheels[package].add((files.pop(0), line.strip().removesuffix(" \\").removeprefix("--hash=sha256:")))
    assert files == []
    assert pins(text) == list(wheels)
    assert sorted(hashed(wheels).splitlines()) == sorted(text.splitlines())


def test_pip_is_asked_for_the_wheel_and_installs_nothing(workshop, monkeypatch):
    digest = (workshop.folder / "lathe.txt").read_text().strip().partition("sha256:")[2]
    page = workshop.folder / "wheels" / "index.html"
    page.write_text(f'<a href="chipassay_lathe-1.0-py3-none-any.whl#sha256={digest}">lathe</a>')
    for name, value in workshop.environment(PIP_FIND_LINKS=page.as_uri()).items():
        monkeypatch.setenv(name, value)
    python = find_python([f"{sys.version_info.major}.{sys.version_info.minor}"], None, "it")
    assert ask_pip(python, ["chipassay-lathe==1.0"]) == {
        "chipassay-lathe==1.0": ("chipassay_lathe-1.0-py3-none-any.whl", digest)
    }
    assert not workshop.data.exists()

    with pytest.raises(UnavailableError, match="No matching distribution found for chipassay-lathe"):
        ask_pip(python, ["chipassay-lathe==2.0"])
