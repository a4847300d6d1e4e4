"""Finding a Python: real interpreters where there are some, small programs that answer like broken ones where not."""

import json
import os
import sys
from pathlib import Path

import pytest

from backends.common.errors import UnavailableError
from backends.toolchains import pythons
from backends.toolchains.pythons import candidates, find_python, suitable
from tests.backends.toolchains.conftest import last_line

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = Path(getattr(sys, "_base_executable", sys.executable))
GOOD = {
    "version": [3, 77, 1],
    "implementation": "CPython",
    "threaded": False,
    "system": "Linux",
    "machine": "x86_64",
    "bits": 64,
    "executable": "/somewhere/python",
    "missing": [],
    "pip": "/somewhere/pip.whl",
}


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def answering(path: Path, **changes: object) -> Path:
    return program(path, f"echo '{json.dumps({**GOOD, 'executable': str(path), **changes})}'")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No Python on PATH or in the home folder but those a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_our_own_python_is_suitable_and_brings_a_pip():
    found = suitable(BASE, [OWN])
    assert isinstance(found, pythons.Python)
    assert (found.version, found.pip_wheel.suffix) == (sys.version.split()[0], ".whl")
    assert found.pip_wheel.is_file()
    assert find_python([OWN], None, "it") == found


def test_a_virtual_environments_python_leads_to_the_one_behind_it():
    if sys.prefix == sys.base_prefix:
        pytest.skip("the tests do not run in a virtual environment")
    found = suitable(Path(sys.executable), [OWN])
    assert isinstance(found, pythons.Python)
    assert not found.path.is_relative_to(sys.prefix)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": [3, 9, 2]}, "is Python 3.9.2"),
        ({"machine": "aarch64"}, "is built for Linux on aarch64, 64 bits"),
        ({"bits": 32}, "32 bits"),
        ({"implementation": "PyPy"}, "is PyPy, no usual CPython"),
        ({"threaded": True}, "free-threaded"),
        ({"missing": ["ensurepip"], "pip": None}, "has no ensurepip: install python3.77-venv"),
    ],
)
def test_what_is_wrong_with_a_python_is_said(tmp_path, changes, fault):
    assert fault in str(suitable(answering(tmp_path / "python", **changes), ["3.77"]))


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (
            "echo 'pyenv: python3.77: command not found' >&2; exit 127",
            "does not run: exit status 127, pyenv: python3.77",
        ),
        ("echo hello", "does not run: exit status 0, hello"),
        ("echo '{}'", "is no Python"),
        ("echo 3", "is no Python"),
    ],
)
def test_what_only_looks_like_a_python_is_no_traceback(tmp_path, script, fault):
    assert fault in str(suitable(program(tmp_path / "python3.77", script), ["3.77"]))


def test_a_python_that_never_answers_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(pythons, "ASK_TIMEOUT_S", 0.2)
    assert "gave no answer" in str(suitable(program(tmp_path / "python", "exec sleep 60"), ["3.77"]))


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.77",
        "bin/python3",
        "home/.pyenv/versions/3.77.1/bin/python3.77",
        "home/.local/share/uv/python/cpython-3.77.1-linux-x86_64-gnu/bin/python3.77",
    ],
)
def test_a_python_is_found_where_people_have_them(nowhere, place):
    wanted = answering(nowhere / place)
    assert find_python(["3.77"], None, "it").path == wanted


def test_a_shim_that_refuses_does_not_hide_the_version_behind_it(nowhere):
    program(nowhere / "bin/python3.77", "exit 127")
    wanted = answering(nowhere / "home/.pyenv/versions/3.77.1/bin/python3.77")
    assert find_python(["3.77"], None, "it").path == wanted


def test_moved_roots_are_heeded_and_the_newest_patch_wins(nowhere, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(nowhere / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(nowhere / "uv"))
    for name in ("3.77.9", "3.77.10", "3.76.1"):
        answering(nowhere / "pyenv/versions" / name / f"bin/python{name[:4]}")
    answering(nowhere / "uv/cpython-3.77.2+freethreaded-linux/bin/python3.77")
    found = [str(path.relative_to(nowhere)) for path in candidates("3.77") if path.is_relative_to(nowhere)]
    assert found == [
        "pyenv/versions/3.77.10/bin/python3.77",
        "pyenv/versions/3.77.9/bin/python3.77",
        "uv/cpython-3.77.2+freethreaded-linux/bin/python3.77",
    ]


def test_the_preferred_version_comes_first(nowhere):
    answering(nowhere / "bin/python3.77")
    wanted = answering(nowhere / "bin/python3.76", version=[3, 76, 0])
    assert find_python(["3.76", "3.77"], None, "it").path == wanted


def test_without_one_it_is_said_what_was_tried_and_what_to_install(nowhere):
    program(nowhere / "bin/python3.77", "exit 127")
    with pytest.raises(UnavailableError) as caught:
        find_python(["3.77", "3.78"], None, "lathe")
    told = str(caught.value)
    assert told.startswith("lathe needs Python 3.77 or 3.78 and none was found")
    assert f"{nowhere / 'bin/python3.77'} does not run: exit status 127" in told
    for way in ("uv python install 3.77", "pyenv install 3.77", "python3.77-venv", "--python PATH"):
        assert way in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("python", "told"),
    [("/no/such/python", "there is no such file"), (os.devnull, "no such file"), ("true", "cannot hold lathe")],
)
def test_a_python_named_on_the_command_line_must_be_right(workshop, python, told):
    path = next(Path(folder) / "true" for folder in ("/bin", "/usr/bin")) if python == "true" else python
    done = workshop.run("install", "lathe", "--python", path)
    assert done.code == 3
    assert told in last_line(done) and "\n" not in last_line(done)
    assert not workshop.home.exists()


def test_a_missing_version_is_one_line_on_the_command_line(workshop):
    workshop.catalogue(python="3.77")
    done = workshop.run("install", "lathe")
    assert done.code == 3
    assert "lathe needs Python 3.77 and none was found" in last_line(done)
