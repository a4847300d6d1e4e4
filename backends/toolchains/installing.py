"""Makes and removes the environment of a toolchain: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from backends.common.errors import UnavailableError
from backends.contract.backend import WorkerProgram
from backends.toolchains.catalogue import Toolchain
from backends.toolchains.environment import ToolEnvironment
from backends.toolchains.state import (
    BEGUN,
    FINISHED,
    RECORD_VERSION,
    ROOT_VARIABLE,
    Installation,
    digest_of,
    folder_of,
    lock_of,
    locked,
    look,
)
from backends.toolchains.uv import Python, Say, find_python, install_packages, make_environment


def install(
    tool: Toolchain, *, python: Path | None, accept_licence: bool, force: bool, worker: WorkerProgram, say: Say
) -> Installation | None:
    """Make the environment of ``tool``; return None if it was there already.

    Raises:
        UnavailableError: It cannot be made here; nothing is left that could be mistaken for an installation.
    """
    if unsupported := tool.unsupported_here():
        raise UnavailableError(unsupported)
    agreed = _agreement(tool, accept_licence)
    if tool.licence.accept and not agreed:
        raise UnavailableError(
            f"{tool.name} is under the {tool.licence.name}: {tool.licence.terms}; read it: {tool.licence.where}; "
            f"chipassay neither ships nor redistributes it: uv fetches it for you, and if you agree to it, run "
            f"chipassay toolchain install {tool.name} --accept-licence"
        )
    folder = folder_of(tool)
    if not force and look(tool).usable:
        return None
    with _one_line(folder.parent, "writing"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(tool), _busy(tool), say):
            before = look(tool, holding=True)
            if before.usable and not force:
                return None
            found = find_python(tool.python, python, tool.name, say)
            if folder.exists():
                say(f"removing what is there ({before.summary()})")
                _remove_tree(folder)
            _require_room(folder.parent, tool)
            try:
                return _make(tool, folder, found, agreed, worker, say)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise


def remove(tool: Toolchain, say: Say) -> list[Path]:
    """Remove every version of ``tool`` that chipassay made and return those folders; others are named and left.

    Raises:
        UnavailableError: A folder cannot be removed.
    """
    home = folder_of(tool).parent
    gone: list[Path] = []
    if not home.is_dir():
        return gone
    with _one_line(home, "removing"):
        for folder in sorted(one for one in home.iterdir() if one.suffix not in (".lock", ".log")):
            if not _is_ours(folder):
                say(f"{folder} is left alone: chipassay did not make it")
                continue
            with locked(folder.with_name(f"{folder.name}.lock"), _busy(tool), say):
                _remove_tree(folder)
                gone.append(folder)
            for left in (f"{folder.name}.lock", f"{folder.name}.log"):
                (home / left).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            home.rmdir()
    return gone


def _agreement(tool: Toolchain, accept_licence: bool) -> str:
    """Return when and how the user agreed to the licence, now or earlier; empty if never, or not asked."""
    if not tool.licence.accept:
        return ""
    if accept_licence:
        return f"{_now()}, by --accept-licence"
    earlier = look(tool).installation
    return earlier.licence_accepted if earlier is not None and earlier.licence == tool.licence.name else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _busy(tool: Toolchain) -> str:
    return f"another process makes, removes or uses {tool.name}; waiting for it"


def _make(tool: Toolchain, folder: Path, python: Python, agreed: str, worker: WorkerProgram, say: Say) -> Installation:
    began = time.perf_counter()
    folder.mkdir()
    (folder / BEGUN).write_text(f"{tool.name} {tool.version}, made by chipassay, to be removed by it\n")
    log = folder.with_name(f"{tool.version}.log")
    say(f"making an environment with Python {python.version} ({python.path})")
    make_environment(folder, python, log)
    environment = ToolEnvironment(tool, folder, being_made=True)
    say(f"downloading and installing its packages, about {tool.download_bytes / 1e6:.0f} MB")
    try:
        install_packages(environment.python, tool.requirements, log, say)
    except UnavailableError as error:
        raise UnavailableError(f"{tool.name} was not installed: {error}; the whole output is in {log}") from error
    say("checking it with a first use")
    mended = environment.fittings.mend(environment)
    for done in mended:
        say(done)
    scratch = folder / "check"
    scratch.mkdir()
    check_began = time.perf_counter()
    try:
        check = environment.fittings.check(environment, scratch, worker)
    except UnavailableError as error:
        raise UnavailableError(
            f"{tool.name} was installed but does not work here: {error}; its log is {log}"
        ) from error
    check_s = time.perf_counter() - check_began
    shutil.rmtree(scratch, ignore_errors=True)
    installation = Installation(
        record=RECORD_VERSION,
        name=tool.name,
        version=tool.version,
        python=python.version,
        python_path=str(python.path),
        requirements_sha256=digest_of(tool.requirements),
        installed_at=_now(),
        installation_s=round(time.perf_counter() - began, 1),
        installed_bytes=_size(folder),
        mended=mended,
        check=check,
        check_s=round(check_s, 1),
        licence=tool.licence.name,
        licence_accepted=agreed,
    )
    _write_whole(folder / FINISHED, msgspec.json.format(msgspec.json.encode(installation), indent=1))
    return installation


def _require_room(folder: Path, tool: Toolchain) -> None:
    """Refuse a disk that is too full; uv's cache, on the same one by default, holds the packages unpacked as well."""
    needed = 2 * tool.installed_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UnavailableError(
            f"not enough room in {folder} for {tool.name}: {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free; "
            f"free some, or set {ROOT_VARIABLE} to another disk"
        )


def _is_ours(folder: Path) -> bool:
    """Whether chipassay began it; an empty one counts, for the mark may not have been written yet."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / BEGUN).is_file() or not any(folder.iterdir())


def _remove_tree(folder: Path) -> None:
    """Remove a folder chipassay made; refuse any other."""
    if not _is_ours(folder):
        raise UnavailableError(f"{folder} was not made by chipassay (it has no {BEGUN}); move it away yourself")
    # The mark of a finished installation goes first: an interruption leaves it visibly unfinished.
    (folder / FINISHED).unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.name == BEGUN:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (folder / BEGUN).unlink(missing_ok=True)
    folder.rmdir()


def _size(folder: Path) -> int:
    """Bytes the files of a folder take on disk."""
    return sum(one.lstat().st_blocks * 512 for one in folder.rglob("*") if not one.is_symlink() and one.is_file())


def _write_whole(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}")
    with scratch.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)


@contextmanager
def _one_line(folder: Path, doing: str) -> Iterator[None]:
    """Turn the operating system's refusal into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(
            f"{doing} {error.filename or folder} failed: {reason}; set {ROOT_VARIABLE} to a writable folder with room"
        ) from error
