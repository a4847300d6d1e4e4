"""Reading the kernel's files: `/proc`, `/sys` and `/etc` under a root that tests put elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """The machine's files. Nothing here raises: what cannot be read is None, and :meth:`why_not` tells the reason."""

    root: Path = Path("/")

    def raw(self, path: str) -> bytes | None:
        """The content, or None."""
        try:
            return (self.root / path).read_bytes()
        except (OSError, ValueError):
            return None

    def text(self, path: str) -> str | None:
        """The content without surrounding blanks, or None where it is absent, refused or empty."""
        data = self.raw(path)
        if data is None:
            return None
        return data.decode("utf-8", "replace").replace("\0", "").strip() or None

    def number(self, path: str, base: int = 10) -> int | None:
        """The content as an integer, or None where it is not one."""
        try:
            return int(self.text(path) or "", base)
        except ValueError:
            return None

    def exists(self, path: str) -> bool:
        """Whether the path is there (which says nothing of the permission to read it)."""
        try:
            return (self.root / path).exists()
        except OSError:
            return False

    def names(self, path: str, pattern: str = "*") -> Iterator[str]:
        """Entries of a folder whose names match ``pattern``, sorted as people count: cpu2 before cpu10."""
        try:
            found = [entry.name for entry in (self.root / path).glob(pattern)]
        except OSError:
            found = []
        yield from sorted(found, key=lambda name: (len(name), name))

    def why_not(self, path: str) -> str:
        """Why :meth:`raw` gave None, for people."""
        try:
            (self.root / path).read_bytes()
        except PermissionError:
            return f"no permission: /{path} is readable by root only"
        except FileNotFoundError:
            return f"/{path} does not exist here"
        except OSError as error:
            return f"/{path} cannot be read: {error.strerror or error}"
        return f"/{path} is empty"
