"""uv: which Python it finds, which of pip's settings reach it, and what its failures are said to be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backends.common.errors import UnavailableError
from backends.toolchains import uv
from backends.toolchains.running import ToolRun
from backends.toolchains.uv import find_python, installed, pip_settings, uv_environment, why_it_failed
from tests.backends.conftest import quiet
from tests.backends.toolchains.conftest import last_line

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OUTPUTS = Path(__file__).parent / "uv_outputs"


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No Python on PATH or in the home folder but those a test puts there; none can be downloaded."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    for name in ("PYENV_ROOT", "XDG_DATA_HOME", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_our_own_python_is_found_with_its_full_version():
    python = find_python([OWN], Path(sys.executable), "it", quiet)
    assert (python.path.is_file(), python.version) == (True, sys.version.split()[0])


def test_a_python_of_pyenv_is_found_behind_a_shim_that_refuses(nowhere):
    program(nowhere / f"bin/python{OWN}", "exit 127")
    behind = nowhere / f"home/.pyenv/versions/{OWN}.0/bin/python{OWN}"
    behind.parent.mkdir(parents=True)
    behind.symlink_to(getattr(sys, "_base_executable", sys.executable))
    assert behind in [python.path for python in installed(f"cpython-{OWN}-linux-x86_64")[0]]
    said = []
    assert find_python(["3.77", OWN], None, "it", said.append).version.startswith(f"{OWN}.")
    assert said == []


def test_without_one_it_is_said_what_was_tried_and_what_to_install(nowhere):
    said = []
    with pytest.raises(UnavailableError) as caught:
        find_python(["3.77", "3.78"], None, "lathe", said.append)
    assert len(said) == 1 and "3.77" in said[0]
    message = str(caught.value)
    assert message.startswith("lathe needs Python 3.77 or 3.78") and "\n" not in message
    for way in ("pyenv install 3.77", "python3.77", "--python PATH"):
        assert way in message


@pytest.mark.parametrize(
    ("python", "fault"),
    [("/no/such/python", "no such file"), (os.devnull, "no such file"), ("true", "cannot hold lathe")],
)
def test_a_python_named_on_the_command_line_must_be_right(workshop, python, fault):
    path = next(Path(folder) / "true" for folder in ("/bin", "/usr/bin")) if python == "true" else python
    done = workshop.run("install", "lathe", "--python", path)
    assert done.code == 3
    assert fault in last_line(done) and "\n" not in last_line(done)
    assert not workshop.home.exists()


def test_a_python_of_another_version_is_named(nowhere):
    with pytest.raises(UnavailableError, match=rf"is Python {sys.version.split()[0]}; it needs 3\.77"):
        find_python(["3.77"], Path(sys.executable), "it", quiet)


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Sets pip's configuration file, and returns the environment uv gets."""

    def configure(text, **variables):
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_CERT"))]:
            monkeypatch.delenv(name)
        (tmp_path / "pip.conf").write_text(text)
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        pip_settings.cache_clear()
        return uv_environment()

    yield configure
    pip_settings.cache_clear()


MIRROR = """[global]
index-url = https://mirror.invalid/simple
extra-index-url =
    https://more.invalid/simple
    file:///pypi/simple
find-links = /wheels /more
trusted-host = mirror.invalid
cert = /ca.pem
proxy = http://proxy.invalid:3128
constraint = /constraints.txt
[install]
timeout = 77
"""


def test_pips_configuration_reaches_uv_in_its_own_words(pip):
    environment = pip(MIRROR, PIP_RETRIES="1")
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.invalid/simple"
    assert environment["UV_INDEX"] == "https://more.invalid/simple file:///pypi/simple"
    assert environment["UV_FIND_LINKS"] == "/wheels,/more"
    assert (environment["UV_INSECURE_HOST"], environment["SSL_CERT_FILE"]) == ("mirror.invalid", "/ca.pem")
    assert (environment["ALL_PROXY"], environment["UV_HTTP_TIMEOUT"]) == ("http://proxy.invalid:3128", "77")
    assert environment["UV_HTTP_RETRIES"] == "1"
    assert not [name for name, value in environment.items() if "constraints.txt" in value]


def test_what_the_user_set_for_uv_goes_before_and_what_leads_elsewhere_stays_out(pip):
    environment = pip(MIRROR, UV_INDEX_URL="https://own.invalid/simple", UV_HTTP_TIMEOUT="5", UV_CONSTRAINT="/c",
                      UV_PYTHON="3.9", VIRTUAL_ENV="/v")  # fmt: skip
    assert environment["UV_INDEX_URL"] == "https://own.invalid/simple"
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_CONSTRAINT", "UV_PYTHON", "VIRTUAL_ENV"} & set(environment)
    assert environment["UV_HTTP_TIMEOUT"] == "5"


def test_without_pip_uvs_own_settings_hold(pip, monkeypatch):
    refused = subprocess.CompletedProcess([], 1, "", "No module named pip")
    monkeypatch.setattr(uv.subprocess, "run", lambda *_, **__: refused)
    assert "UV_DEFAULT_INDEX" not in pip(MIRROR)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("hash", "chipassay-lathe==1.0 is not the file that was pinned"),
        ("refused", "the package index cannot be reached (Connection refused (os error 111))"),
        ("dns", "the package index cannot be reached (failed to lookup address information: Name or service"),
        ("noversion", "offers chipassay-lathe==2.0 for this Python"),
        ("nopackage", "offers chipassay-lathe==1.0 for this Python"),
        ("full", "the disk is full"),
        ("readonly", "Read-only file system (os error 30)"),
    ],
)
def test_uvs_reason_is_found_in_what_it_really_prints(file, reason):
    """Outputs of uv 0.13.9, recorded on this project's machine; folders renamed."""
    found = why_it_failed(ToolRun("uv", 2, (OUTPUTS / f"{file}.txt").read_text(), 1.0, 1, Path("log")))
    assert reason in found and "\n" not in found


def test_a_failure_uv_never_had_is_told_by_its_last_words():
    assert why_it_failed(ToolRun("uv", -9, "boom", 1.0, 1, Path("log"))) == "uv was ended by SIGKILL: boom"
    assert "ended with status 2" in why_it_failed(ToolRun("uv", 2, "error: odd", 1.0, 1, Path("log")))
