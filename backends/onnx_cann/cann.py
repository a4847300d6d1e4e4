"""Whether CANN and an Ascend are here: files only, nothing is loaded."""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Iterator
from pathlib import Path

from backends.contract.backend import Availability

LIBRARIES = ("libascendcl.so", "libacl_op_compiler.so", "libfmk_onnx_parser.so")
"""What the provider of onnxruntime-cann 1.24.4 is linked with (readelf -d)."""

HOMES = ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH")
"""Set by CANN's ``set_env.sh``."""

DEVICES = Path("/dev")
TOOLKIT = Path("/usr/local/Ascend/ascend-toolkit/latest")
"""Where CANN is installed by default; the provider searches its ``lib64`` by itself."""


def find_device(device: str) -> Availability:
    """Whether there is an Ascend with the number ``device`` (empty means 0), and CANN's libraries beside it."""
    if device and not device.isdecimal():
        return Availability(False, f"{device!r} is no device number", "ask for onnx-cann:0")
    missing = [name for name in LIBRARIES if library_folder(name) is None]
    if missing:
        return Availability(
            False,
            f"CANN is not found: {', '.join(missing)} in none of LD_LIBRARY_PATH, {', '.join(HOMES)}, {TOOLKIT}",
            "install CANN (toolkit and the kernels of this chip) and source its set_env.sh",
        )
    here = sorted(int(path.name[7:]) for path in DEVICES.glob("davinci[0-9]*") if path.name[7:].isdecimal())
    if not here:
        return Availability(
            False,
            f"no Ascend driver is loaded (there is no {DEVICES}/davinci0)",
            "install Ascend's driver and firmware, or pass the device into the container",
        )
    if int(device or 0) not in here:
        return Availability(
            False, f"there is no {DEVICES}/davinci{device or 0}, only {', '.join(map(str, here))}", "choose one of them"
        )
    return Availability(True)


def library_folder(name: str) -> Path | None:
    """The folder that has the library ``name``; the system's own cache counts as the current folder."""
    for folder in _folders():
        if (folder / name).is_file():
            return folder
    return Path() if ctypes.util.find_library(name.removeprefix("lib").removesuffix(".so")) else None


def library_path() -> str:
    """``LD_LIBRARY_PATH`` for a process that uses CANN: folders that were found, before the user's."""
    found = {str(folder) for name in LIBRARIES if (folder := library_folder(name)) not in (None, Path())}
    before = os.environ.get("LD_LIBRARY_PATH", "")
    return os.pathsep.join([*sorted(found), *([before] if before else [])])


def _folders() -> Iterator[Path]:
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        if folder:
            yield Path(folder)
    for name in HOMES:
        if os.environ.get(name):
            yield Path(os.environ[name]) / "lib64"
    yield TOOLKIT / "lib64"
