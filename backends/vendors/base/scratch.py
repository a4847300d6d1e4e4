"""Folders for a vendor's intermediate files: gigabytes, removed at the end, or the next time if the end never came."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.common.cache import ROOT_VARIABLE, cache_root, require_room
from backends.common.errors import storage_errors
from backends.toolchains.state import is_locked

_LOCK = "in-use.lock"


@contextmanager
def scratch_folder(name: str, needed_bytes: int) -> Iterator[Path]:
    """A new folder with room for ``needed_bytes``; what killed processes left under the same ``name`` is removed.

    Raises:
        StorageError: There is no room, or the cache cannot be written.
    """
    home = cache_root() / "scratch"
    with storage_errors(home, f"set {ROOT_VARIABLE} to a writable folder with enough room"):
        home.mkdir(parents=True, exist_ok=True)
        for stale in home.glob(f"{name}.*"):
            if not is_locked(stale / _LOCK):
                shutil.rmtree(stale, ignore_errors=True)
        require_room(home, needed_bytes)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=home))
        held = (folder / _LOCK).open("w")
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
