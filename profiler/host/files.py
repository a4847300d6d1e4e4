"""The kernel's files, ``/proc``, ``/sys`` and ``/etc``, under a root that tests replace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """The machine's files. Nothing here raises: unreadable files are None, and :meth:`why_not` returns the reason."""

    root: Path = Path("/")

    def raw(self, path: str) -> bytes | None:
        """Return the content, or None."""
        try:
            return (self.root / path).read_bytes()
        except (OSError, ValueError):
            return None

    def text(self, path: str) -> str | None:
        """Return the content without surrounding blanks; None if it is absent, refused or empty."""
        data = self.raw(path)
        if data is None:
            return None
        return data.decode("utf-8", "replace").replace("\0", "").strip() or None

    def number(self, path: str, base: int = 10) -> int | None:
        """Return the content as an integer; None if it is not one."""
        try:
            return int(self.text(path) or "", base)
        except ValueError:
            return None

    def exists(self, path: str) -> bool:
        """Return whether the path exists, readable or not."""
        try:
            return (self.root / path).exists()
        except OSError:
            return False

    def names(self, path: str, pattern: str = "*") -> Iterator[str]:
        """Return the folder's entries that match ``pattern``, in natural order: cpu2 before cpu10."""
        try:
            entries = [entry.name for entry in (self.root / path).glob(pattern)]
        except OSError:
            entries = []
        yield from sorted(entries, key=lambda name: (len(name), name))

    def why_not(self, path: str) -> str:
        """Return why :meth:`raw` returned None."""
        try:
            (self.root / path).read_bytes()
        except PermissionError:
            return f"no permission: only root may read /{path}"
        except FileNotFoundError:
            return f"/{path} does not exist here"
        except OSError as error:
            return f"/{path} cannot be read: {error.strerror or error}"
        return f"/{path} is empty"
