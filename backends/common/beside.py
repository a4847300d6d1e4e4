"""Data files that lie beside registered backends: a vendor's folder brings its own, and nobody lists vendors."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "chipassay.backends"


def files_beside_backends(name: str) -> Iterator[tuple[str, Path]]:
    """Yield the package of each registered backend that has a file ``name``, and the file; imports no backend."""
    for package in sorted({point.module.rpartition(".")[0] for point in entry_points(group=GROUP)} - {""}):
        for folder in _folders(package):
            if (folder / name).is_file():
                yield package, folder / name


def _folders(package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except Exception:  # noqa: BLE001 - a plug-in that cannot be imported is reported where its backend is loaded
        return []
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
