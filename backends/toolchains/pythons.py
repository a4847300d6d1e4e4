"""Finds a Python a toolchain can live in: the right version and machine, one that runs and can make environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backends.common.errors import UnavailableError

ASK_TIMEOUT_S = 20.0

_QUESTION = """
import glob, json, os, platform, sys, sysconfig
answer = {
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "system": platform.system(),
    "machine": platform.machine(),
    "bits": 64 if sys.maxsize > 2**32 else 32,
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "missing": [],
    "pip": None,
}
try:
    import venv
except ImportError:
    answer["missing"].append("venv")
try:
    import ensurepip
    beside = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
    for folder in (beside, sysconfig.get_config_var("WHEEL_PKG_DIR") or beside, "/usr/share/python-wheels"):
        answer["pip"] = answer["pip"] or next(iter(sorted(glob.glob(os.path.join(folder, "pip-*.whl")))), None)
except ImportError:
    pass
if answer["pip"] is None:
    answer["missing"].append("ensurepip")
print(json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that was asked and answered; ``pip_wheel`` is the pip it brings for environments."""

    path: Path
    version: str
    pip_wheel: Path


def find_python(wanted: Sequence[str], given: Path | None, purpose: str) -> Python:
    """The first suitable Python, in the order of ``wanted`` (``"3.10"``, ...); or ``given``, if it is suitable.

    Raises:
        UnavailableError: None is suitable, or ``given`` is not; the message says what was tried and how to get one.
    """
    versions = _alternatives(wanted)
    if given is not None:
        if not given.is_file():
            raise UnavailableError(f"--python {given}: there is no such file; give the path of a Python {versions}")
        fault = suitable(given, wanted)
        if isinstance(fault, Python):
            return fault
        raise UnavailableError(f"--python {given} cannot hold {purpose}: {fault}; it needs Python {versions}")
    faults: dict[Path, str] = {}
    for version in wanted:
        for path in candidates(version):
            found = suitable(path, [version])
            if isinstance(found, Python):
                return found
            faults.setdefault(path, found)
    tried = [f"{path} {fault}" for path, fault in faults.items()]
    shown = f" ({'; '.join(tried[:3])}{f'; {len(tried) - 3} more' if len(tried) > 3 else ''})" if tried else ""
    raise UnavailableError(
        f"{purpose} needs Python {versions} and none was found{shown}; install one (`uv python install {wanted[0]}`, "
        f"`pyenv install {wanted[0]}`, or your system's python{wanted[0]} and python{wanted[0]}-venv), "
        "or name one with --python PATH"
    )


def suitable(path: Path, wanted: Sequence[str]) -> Python | str:
    """The Python behind ``path`` if it can hold an environment of a wanted version here, or what is wrong with it."""
    answer = _ask(path)
    if isinstance(answer, str):
        return answer
    version = ".".join(str(part) for part in answer["version"])
    if ".".join(str(part) for part in answer["version"][:2]) not in wanted:
        return f"is Python {version}"
    if answer["implementation"] != "CPython" or answer["threaded"]:
        return f"is {'a free-threaded build' if answer['threaded'] else answer['implementation']}, no usual CPython"
    if (answer["system"], answer["machine"], answer["bits"]) != ("Linux", "x86_64", 64):
        return f"is built for {answer['system']} on {answer['machine']}, {answer['bits']} bits"
    if answer["missing"]:
        wanted_too = f"python{'.'.join(version.split('.')[:2])}-venv"
        return f"has no {' and no '.join(answer['missing'])}: install {wanted_too}"
    return Python(Path(answer["executable"]), version, Path(answer["pip"]))


def candidates(version: str) -> Iterator[Path]:
    """Paths that may be a Python of ``version``: our own first, then PATH, pyenv, uv, and where systems keep them."""
    seen: set[Path] = set()
    for path in _places(version):
        if path.is_file() and os.access(path, os.X_OK) and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path


def _places(version: str) -> Iterator[Path]:
    name = f"python{version}"
    own = Path(getattr(sys, "_base_executable", sys.executable))
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield own
    home = Path(os.environ.get("HOME") or "/")
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / name for folder in folders)
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for folder, pattern in ((pyenv, f"{version}*"), (uv, f"cpython-{version}[.+-]*")):
        found = sorted(folder.glob(pattern), key=_by_number, reverse=True) if folder.is_dir() else []
        yield from (one / "bin" / name for one in found)
    yield from (Path(folder) / name for folder in ("/usr/local/bin", "/usr/bin", "/opt/local/bin", "/opt/python/bin"))
    yield from (folder / "python3" for folder in folders)


def _by_number(folder: Path) -> list[int]:
    """3.10.13 after 3.10.9."""
    return [int(part) for part in folder.name.replace("-", ".").split(".") if part.isdigit()]


@cache
def _ask(path: Path) -> dict[str, Any] | str:
    """What the interpreter says of itself, or why it says nothing."""
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"gave no answer within {ASK_TIMEOUT_S:g} s"
    except OSError as error:
        return f"does not run: {error.strerror or error}"
    try:
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
        return answer if isinstance(answer, dict) and "pip" in answer else "is no Python"
    except ValueError:
        line = (done.stderr or done.stdout).strip().partition("\n")[0][:120]
        return f"does not run: exit status {done.returncode}" + (f", {line}" if line else "")


def _alternatives(wanted: Sequence[str]) -> str:
    return wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
