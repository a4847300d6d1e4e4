"""Folders built once and used many times: whole or not at all, safe against two processes and interruption."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from backends.common.errors import StorageError, storage_errors

ROOT_VARIABLE = "CHIPASSAY_CACHE"
"""Environment variable that moves the cache away from the user cache folder."""


def cache_root() -> Path:
    """Return the user cache folder of chipassay."""
    return Path(os.environ.get(ROOT_VARIABLE) or platformdirs.user_cache_dir("chipassay", appauthor=False))


def cached_folder(kind: str, key: str, build: Callable[[Path], None], needed_bytes: int = 0) -> tuple[Path, bool]:
    """Return the folder ``kind/key`` of the cache, built by ``build`` if it is not there, and whether it was there.

    ``build`` fills a scratch folder which is renamed into place when it is done: an interrupted build leaves nothing
    behind that could be mistaken for a result, and a second process waits for the first instead of building again.
    """
    final = cache_root() / kind / key
    if final.is_dir():
        return final, True
    with storage_errors(final.parent, f"set {ROOT_VARIABLE} to a writable folder with enough room"):
        final.parent.mkdir(parents=True, exist_ok=True)
        with _lock(final.parent / f"{key}.lock"):
            if final.is_dir():
                return final, True
            for stale in final.parent.glob(f".{key}.*"):
                shutil.rmtree(stale, ignore_errors=True)
            require_room(final.parent, needed_bytes)
            scratch = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=final.parent))
            try:
                build(scratch)
                scratch.rename(final)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
    return final, False


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raise before work begins if ``folder``'s file system cannot take ``needed_bytes``."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise StorageError(
            f"not enough room in {folder}: {needed_bytes / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free; "
            f"free some, or set {ROOT_VARIABLE} to another disk"
        )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold ``path`` exclusively; the kernel releases it even if the process is killed."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
