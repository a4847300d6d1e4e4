"""The state of a toolchain on disk: its folder, the marks of who made it, and whether it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from backends.common.errors import UnavailableError
from backends.toolchains.catalogue import Toolchain

ROOT_VARIABLE = "CHIPASSAY_DATA"
"""Environment variable that moves chipassay's data away from the user data folder."""

BEGUN = ".chipassay-toolchain"
"""Written first: chipassay made this folder and may remove it."""

FINISHED = "installed.json"
"""Written last, and only when everything was checked: without it an installation was interrupted."""

RECORD_VERSION = 1

Status = Literal["installed", "not installed", "installing", "interrupted", "broken"]


@dataclass(frozen=True, slots=True)
class Installation:
    """A finished installation: the content of :data:`FINISHED`.

    ``check`` is the outcome of the first use. ``licence_accepted`` is when and how the user agreed to the licence,
    empty where none had to be accepted.
    """

    record: int
    name: str
    version: str
    python: str
    python_path: str
    requirements_sha256: str
    installed_at: str
    installation_s: float
    installed_bytes: int
    mended: tuple[str, ...]
    check: str
    check_s: float
    licence: str
    licence_accepted: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The state of a toolchain; ``reason`` is what is wrong with a broken one."""

    status: Status
    reason: str = ""
    installation: Installation | None = None

    @property
    def usable(self) -> bool:
        """Whether programs can run in it."""
        return self.status == "installed"

    def summary(self) -> str:
        """Return the state in words."""
        if self.status == "interrupted":
            return "only half installed: its installation was interrupted"
        if self.status == "installing":
            return "being installed by another process"
        return f"{self.status}: {self.reason}" if self.reason else self.status


def data_root() -> Path:
    """Return the user data folder of chipassay."""
    return Path(os.environ.get(ROOT_VARIABLE) or platformdirs.user_data_dir("chipassay", appauthor=False))


def folder_of(tool: Toolchain) -> Path:
    """Return the folder of the environment of this version of ``tool``."""
    return data_root() / "toolchains" / tool.name / tool.version


def lock_of(tool: Toolchain) -> Path:
    """Return the file that is locked while the folder is made or removed."""
    return folder_of(tool).with_name(f"{tool.version}.lock")


def look(tool: Toolchain, *, holding: bool = False) -> State:
    """Return the state of ``tool`` on disk; starts nothing. ``holding``: the caller has the lock itself."""
    folder = folder_of(tool)
    if not holding and is_locked(lock_of(tool)):
        return State("installing")
    if not folder.exists():
        return State("not installed")
    if not (folder / FINISHED).is_file():
        return State("interrupted")
    try:
        done = msgspec.json.decode((folder / FINISHED).read_bytes(), type=Installation)
    except (OSError, msgspec.DecodeError) as error:
        return State("broken", f"{folder / FINISHED} cannot be read: {error}")
    if (done.record, done.name, done.version) != (RECORD_VERSION, tool.name, tool.version):
        return State("broken", f"{folder / FINISHED} describes another installation")
    return State(*_fault(tool, folder, done), installation=done)


def _fault(tool: Toolchain, folder: Path, done: Installation) -> tuple[Status, str]:
    if not (folder / "bin" / "python").is_file():
        return "broken", f"its Python {done.python} ({done.python_path}) is gone"
    if done.requirements_sha256 != digest_of(tool.requirements):
        return "broken", "it was made from other pins than this chipassay's"
    site = site_packages(folder, done.python)
    wanted = tool.distribution.lower().replace("-", "_")
    prefix = f"{wanted}-{tool.version}.dist-info".lower()
    if not site.is_dir() or not any(one.name.lower() == prefix for one in site.iterdir()):
        return "broken", f"{tool.distribution} {tool.version} is not in {site}"
    return "installed", ""


def site_packages(folder: Path, python: str) -> Path:
    """Return the packages' folder of an environment made with ``python`` (its full version)."""
    return folder / "lib" / f"python{'.'.join(python.split('.')[:2])}" / "site-packages"


def digest_of(requirements: Path) -> str:
    """Return the SHA-256 of a requirements file."""
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def is_locked(path: Path) -> bool:
    """Return whether a process holds ``path`` exclusively."""
    try:
        with path.open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def locked(path: Path, waiting: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold ``path`` exclusively; the kernel releases it even if the process is killed."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keep an environment from being removed or made again; many processes may use it at once.

    Raises:
        UnavailableError: It is just being made or removed.
    """
    try:
        handle = folder.with_name(f"{folder.name}.lock").open()
    except OSError:  # an environment shared read-only, from which the lock was left out
        yield
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(
                f"{folder} is being made or removed by another process; try again when it is done"
            ) from None
        yield
