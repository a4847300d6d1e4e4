"""The inference engines' own description: execution providers, BLAS, and the libraries mapped into this process.

Engines that this process has imported are queried; others are imported only on request, because that takes seconds and
memory.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from profiler.devices.plugins import installed
from profiler.records.findings import Findings
from profiler.records.host import Component

_MAPS = Path("/proc/self/maps")
_NUMERIC = (
    r"mkl_\w+|openblas\w*|scipy_openblas\w*|blis\w*|blas|cblas|lapack|aocl\w*|nvpl\w*|armpl\w*|atlas|kml\w*|gomp|iomp5|omp"
    r"|dnnl|onednn|onnxruntime\w*"
)
"""Shared objects that do linear algebra or threads, by file name. Device plug-ins add their makers' own."""


def read_engines(*, load: bool) -> Findings:
    """Return one component an engine, and one for the numeric libraries mapped into this process."""
    components: list[Component] = []
    unread: dict[str, str] = {}
    idle = [name for name in _ENGINES if name not in sys.modules and _installed(name)]
    if idle and not load:
        reason = f"{', '.join(idle)} are installed but not loaded in this process; --engines loads and queries them"
        unread["execution providers and BLAS"] = reason
    for name, describe in _ENGINES.items():
        if name not in sys.modules and not (load and name in idle):
            continue
        try:
            module = importlib.import_module(name)
            details = describe(module)
        except Exception as error:  # noqa: BLE001 - an engine may fail to load in any way, and that is a finding
            first, _, _ = str(error).strip().partition("\n")
            unread[f"engine {name}"] = f"cannot be queried: {type(error).__name__}{f': {first}' if first else ''}"
            continue
        version = str(getattr(module, "__version__", "") or "")
        title = f"{name} {version}".strip()
        components.append(Component("engine", title, details={"version": version, **details}, source=name))
    libraries = mapped_libraries(_maps())
    if libraries:
        note = "shared objects in the address space of this process: the libraries in use, whatever the build claims"
        details = {"files": libraries}
        components.append(Component("numeric-libraries", "libraries loaded", None, None, details, str(_MAPS), note))
    return Findings(tuple(components), unread)


def mapped_libraries(maps: str) -> list[str]:
    """Return the file names of the BLAS, OpenMP and accelerator libraries in a process's memory map."""
    declared = (pattern for device in installed().devices for pattern in device.shared_objects)
    numeric = re.compile(rf"^lib({'|'.join([_NUMERIC, *declared])})(-[0-9a-f]+)?[.\-]")
    names = {line.rpartition("/")[2].strip() for line in maps.splitlines() if "/" in line}
    return sorted(name for name in names if numeric.match(name))


def _maps() -> str:
    try:
        return _MAPS.read_text()
    except OSError:
        return ""


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _torch(torch: Any) -> dict[str, Any]:
    details: dict[str, Any] = {
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "blas": _setting(torch.__config__.show(), "BLAS_INFO"),
        "lapack": _setting(torch.__config__.show(), "LAPACK_INFO"),
        "mkl": torch.backends.mkl.is_available(),
        "onednn": torch.backends.mkldnn.is_available(),
        "openmp": torch.backends.openmp.is_available(),
        "cuda": torch.version.cuda,
        "hip": getattr(torch.version, "hip", None),
    }
    return {key: value for key, value in details.items() if value is not None}


def _setting(text: str, key: str) -> str | None:
    found = re.search(rf"\b{key}=(\w+)", text)
    return found[1] if found else None


def _onnxruntime(onnxruntime: Any) -> dict[str, Any]:
    return {
        "execution_providers": list(onnxruntime.get_available_providers()),
        "device": onnxruntime.get_device(),
        "build": onnxruntime.get_build_info(),
    }


def _numpy(numpy: Any) -> dict[str, Any]:
    dependencies = numpy.show_config(mode="dicts").get("Build Dependencies", {})
    details = {}
    for key in ("blas", "lapack"):
        entry = dependencies.get(key, {})
        details[key] = f"{entry.get('name', 'unknown')} {entry.get('version', '')}".strip()
    return details


def _plain(_: Any) -> dict[str, Any]:
    return {}


_ENGINES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "numpy": _numpy,
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "onnxruntime_genai": _plain,
    "openvino": _plain,
}
"""Engine to the function that describes it."""
