"""For maintainers: ``python -m backends.toolchains.pinning NAME`` writes the hashes of a toolchain's pins anew.

Names and versions are those of its requirements file (edit them there first); the hashes are of the wheels that pip
would install for each Python the catalogue names. All those Pythons must be here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from backends.common.errors import ChipassayError, UnavailableError
from backends.toolchains.catalogue import Toolchain, find_toolchain
from backends.toolchains.pythons import Python, find_python

Wheels = Mapping[str, set[tuple[str, str]]]
"""``name==version`` to the wheels of it: file and SHA-256."""


def pins(requirements: str) -> list[str]:
    """The ``name==version`` of every package in a requirements file."""
    return re.findall(r"^([A-Za-z0-9._-]+==[^\s\\]+)", requirements, re.MULTILINE)


def hashed(wheels: Wheels) -> str:
    """A requirements file: above each package the wheels its hashes are of, in the same order."""
    lines = []
    for pin in sorted(wheels, key=lambda one: one.partition("==")[0].lower()):
        files = sorted(wheels[pin])
        name, _, version = pin.partition("==")
        lines += [f"# {file}" for file, _ in files]
        lines.append(f"{name.lower().replace('_', '-')}=={version} \\")
        lines.append(" \\\n".join(f"    --hash=sha256:{digest}" for _, digest in files))
    return "\n".join(lines) + "\n"


def ask_pip(python: Python, wanted: list[str]) -> dict[str, tuple[str, str]]:
    """The wheel pip would install for each of ``wanted``; downloads what it must, installs nothing."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(python.pip_wheel) as wheel:
            wheel.extractall(folder)
        command: list[str | Path] = [
            python.path,
            "-I",
            Path(folder) / "pip",
            "install",
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
        ]
        options = ["--only-binary=:all:", "--quiet", "--disable-pip-version-check", "--report", "-"]
        done = subprocess.run([*command, *options, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"pip of Python {python.version}: {done.stderr.strip().rpartition(chr(10))[2]}")
    found = {}
    for one in json.loads(done.stdout)["install"]:
        package = f"{one['metadata']['name']}=={one['metadata']['version']}"
        digest = one["download_info"]["archive_info"].get("hashes", {}).get("sha256")
        if digest is None:
            raise UnavailableError(f"where pip finds {package} no SHA-256 is given; use an index that gives them")
        found[package] = (one["download_info"]["url"].rpartition("/")[2], digest)
    return found


def pin(tool: Toolchain) -> str:
    """The requirements file of ``tool`` with the hashes of today."""
    wanted = pins(tool.requirements.read_text())
    wheels: dict[str, set[tuple[str, str]]] = {}
    for version in tool.python:
        for package, wheel in ask_pip(find_python([version], None, tool.name), wanted).items():
            wheels.setdefault(package, set()).add(wheel)
    return hashed(wheels)


if __name__ == "__main__":
    try:
        chosen = find_toolchain(sys.argv[1])
        chosen.requirements.write_text(pin(chosen))
    except (IndexError, ChipassayError) as error:
        sys.exit(f"pinning: {error or __doc__}")
