"""Writing documents so that a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from backends.common.errors import storage_errors


def publish(
    documents: Mapping[str, str], folder: Path, remedy: str = "choose another --out, or free some room"
) -> list[Path]:
    """Write every document (file name -> text) into ``folder``, which is made if need be.

    All are written beside their place before the first takes it: a full disk leaves what was there. ``remedy`` ends the
    error's line.

    Raises:
        StorageError: If the folder cannot be made or written.
    """
    scratch: dict[Path, Path] = {}
    with storage_errors(folder, remedy):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, text in documents.items():
                descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
                scratch[folder / name] = Path(temporary)
                with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as handle:
                    handle.write(text)
                    handle.flush()
                    os.fsync(handle.fileno())
                Path(temporary).chmod(0o644)
            for final, temporary_path in scratch.items():
                temporary_path.replace(final)
        finally:
            for temporary_path in scratch.values():
                temporary_path.unlink(missing_ok=True)
    return list(scratch)
