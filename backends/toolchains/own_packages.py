"""Shows another Python chipassay's packages alone: in their own folder, NumPy and the rest lie beside them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from backends.common.cache import cached_folder
from backends.common.errors import UnavailableError

DISTRIBUTION = "chipassay"
_METADATA = ("METADATA", "entry_points.txt")


def own_packages(packages: tuple[str, ...]) -> Path:
    """Return a folder of the cache with links to ``packages``, and the metadata with their entry points.

    Raises:
        UnavailableError: chipassay is not installed, only its sources are on the path.
    """
    links = {name: _home(name) for name in packages}
    metadata = _metadata()
    content = json.dumps([{name: str(path) for name, path in links.items()}, metadata], sort_keys=True)

    def build(folder: Path) -> None:
        for name, home in links.items():
            (folder / name).symlink_to(home)
        info = folder / f"{DISTRIBUTION}-{_version(metadata)}.dist-info"
        info.mkdir()
        for name, text in metadata.items():
            (info / name).write_text(text)

    folder, _ = cached_folder("own-packages", hashlib.sha256(content.encode()).hexdigest()[:16], build)
    return folder


def _home(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(f"the package {package} of chipassay is not found; install chipassay again")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _metadata() -> dict[str, str]:
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise UnavailableError("chipassay is not installed, only its sources are here; pip install it") from None
    found = {name: installed.read_text(name) for name in _METADATA}
    found["METADATA"] = found["METADATA"] or installed.read_text("PKG-INFO")  # an egg-info calls it so
    return {name: text for name, text in found.items() if text}


def _version(metadata: dict[str, str]) -> str:
    lines = (line.partition(":") for line in metadata["METADATA"].splitlines())
    return next(value.strip() for key, _, value in lines if key == "Version")
