"""The catalogue of toolchains: a ``toolchain.yaml`` in each vendor's folder, validated, every fact with its source."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from backends.common.beside import files_beside_backends
from backends.common.errors import InputError, unknown
from backends.common.facts import check_fields, check_positive, document, record, records
from backends.common.yaml_lines import Located

SCHEMA = "chipassay.toolchains/1"
CATALOGUE_VARIABLE = "CHIPASSAY_TOOLCHAINS"
"""Environment variable that names a further catalogue: other versions, or other toolchains."""

FILE = "toolchain.yaml"

_UNSOURCED = {"name", "purpose", "requirements", "sources", "distribution", "imports", "package"}


@dataclass(frozen=True, slots=True)
class Licence:
    """What the vendor's licence is called and where it is read; ``accept`` if the user must agree before installing."""

    name: str
    where: str
    accept: bool = False
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts named in ``of`` were read or measured."""

    of: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One entry of the catalogue: what a vendor's tool is and what its environment is made of.

    ``targets`` are the targets it serves; ``python`` the versions it runs on, the preferred one first; ``machine`` the
    platform its wheels are for. ``requirements`` is the file of pinned, hash-checked packages; ``distribution`` the
    package whose version counts. The sizes are those of the packages downloaded and of the finished environment.
    ``package`` is the Python package of the vendor's folder, empty for an entry of the user's own catalogue.
    """

    name: str
    version: str
    vendor: str
    purpose: str
    targets: tuple[str, ...]
    python: tuple[str, ...]
    system: str
    machine: str
    licence: Licence
    distribution: str
    requirements: Path
    download_bytes: int
    installed_bytes: int
    traps: tuple[str, ...]
    sources: tuple[Source, ...]
    imports: tuple[str, ...] = ()
    package: str = ""

    def unsupported_here(self) -> str:
        """Return why its packages cannot run on this kind of machine, or nothing."""
        system, machine = platform.system(), platform.machine()
        if (system, machine) == (self.system, self.machine):
            return ""
        wanted = f"{self.system} on {self.machine}"
        return f"{self.vendor} publishes {self.name} for {wanted} only; this is {system} on {machine}"

    def how_to_install(self) -> str:
        """Return the command that installs it."""
        agree = " --accept-licence, once you have read its licence" if self.licence.accept else ""
        return f"chipassay toolchain install {self.name}{agree}"


@cache
def toolchains() -> dict[str, Toolchain]:
    """Return every toolchain by its name; the user's own catalogue takes precedence."""
    known: dict[str, Toolchain] = {}
    for package, path in files_beside_backends(FILE):
        for name, tool in load_toolchains(path.read_text(), str(path), path.parent).items():
            if name in known:
                raise InputError(f"{path}: another folder has the toolchain {name!r} too ({known[name].package})")
            known[name] = replace(tool, package=package)
    if not (given := os.environ.get(CATALOGUE_VARIABLE)):
        return known
    path = Path(given)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{CATALOGUE_VARIABLE}: cannot read {path}: {error}; give a YAML file") from error
    theirs = load_toolchains(text, str(path), path.parent)
    # Another version of a toolchain that we know needs the same fittings.
    return known | {name: replace(tool, package=known[name].package if name in known else "")
                    for name, tool in theirs.items()}  # fmt: skip


def find_toolchain(name: str) -> Toolchain:
    """Return the toolchain called ``name``; raise :class:`InputError` with the nearest name if there is none."""
    known = toolchains()
    if name not in known:
        raise unknown("toolchain", name, known)
    return known[name]


def load_toolchains(text: str, origin: str, folder: Path) -> dict[str, Toolchain]:
    """Read toolchains from YAML, their requirement files in ``folder``; errors name file, line and field."""
    root = document(text, origin, SCHEMA, ["toolchains"])
    return records(Toolchain, root, "toolchains", "name", lambda entry: _toolchain(entry, folder))


def _toolchain(entry: Located, folder: Path) -> Toolchain:
    check_fields(entry, entry.value, {field.name for field in fields(Toolchain)} - {"package"})
    requirements = entry.value.get("requirements")
    if not isinstance(requirements, str):
        raise entry.error(f"requirements: {entry.value.get('name')!r} names no requirements file", "requirements")
    tool = record(Toolchain, entry, {**entry.value, "requirements": folder / requirements})
    _check(tool, entry)
    return tool


def _check(tool: Toolchain, entry: Located) -> None:
    if not tool.name.replace("-", "").isalnum() or tool.name.startswith("-"):
        raise entry.error(f"name: {tool.name!r} names a folder: letters, digits and hyphens only", "name")
    if not tool.version or "/" in tool.version or tool.version.startswith("."):
        raise entry.error(f"version: {tool.version!r} names a folder", "version")
    if not tool.python:
        raise entry.error("python: names no version", "python")
    if not tool.requirements.is_file():
        raise entry.error(f"requirements: there is no file {tool.requirements.name}", "requirements")
    check_positive(entry, tool, ("download_bytes", "installed_bytes"))
    if tool.licence.accept and not tool.licence.terms:
        raise entry.error("licence: one to be accepted must say its key terms", "licence")
    facts = {field.name for field in fields(Toolchain)} - _UNSOURCED
    backed = {name for source in tool.sources for name in source.of}
    for name in sorted(backed - facts):
        raise entry.error(f"sources: {unknown('fact', name, facts)}", "sources")
    for name in sorted(facts - backed):
        raise entry.error(f"{name}: has no source; name it under 'sources'", name)
