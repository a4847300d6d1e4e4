"""What the inference engines say of themselves: execution providers, BLAS, and the libraries mapped into this process.

An engine that this process has already imported is asked; one that it has not is imported only when asked for, because
that takes seconds and memory.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from profiler.records.findings import Findings
from profiler.records.host import Component

_MAPS = Path("/proc/self/maps")
_NUMERIC = re.compile(
    r"^lib(mkl_\w+|openblas\w*|scipy_openblas\w*|blis\w*|blas|cblas|lapack|aocl\w*|nvpl\w*|armpl\w*|atlas|kml\w*"
    r"|gomp|iomp5|omp|cudart|cublas|cublasLt|cudnn\w*|cusolver|ascendcl|opapi|mublas|musart|mcblas|cnnl|cnrt|hipblas\w*"
    r"|rocblas|dnnl|onednn|onnxruntime\w*)(-[0-9a-f]+)?[.\-]",
)
"""Shared objects that do linear algebra or threads, by file name."""


def read_engines(*, load: bool) -> Findings:
    """One component an engine, and one for the numeric libraries mapped into this process."""
    components: list[Component] = []
    unread: dict[str, str] = {}
    idle = [name for name in _ENGINES if name not in sys.modules and _installed(name)]
    if idle and not load:
        reason = f"{', '.join(idle)} are installed and not loaded in this process; --engines loads and asks them"
        unread["execution providers and BLAS"] = reason
    for name, describe in _ENGINES.items():
        if name not in sys.modules and not (load and name in idle):
            continue
        try:
            module = importlib.import_module(name)
            details = describe(module)
        except Exception as error:  # noqa: BLE001 - an engine may fail to load in any way, and that is a finding
            said = str(error).strip().splitlines()
            unread[f"engine {name}"] = f"cannot be queried: {type(error).__name__}{f': {said[0]}' if said else ''}"
            continue
        version = str(getattr(module, "__version__", "") or "")
        title = f"{name} {version}".strip()
        components.append(Component("engine", title, details={"version": version, **details}, source=name))
    libraries = mapped_libraries(_maps())
    if libraries:
        note = "shared objects in the address space of this process: the ones in use, whatever a build says"
        details = {"files": libraries}
        components.append(Component("numeric-libraries", "libraries loaded", None, None, details, str(_MAPS), note))
    return Findings(tuple(components), unread)


def mapped_libraries(maps: str) -> list[str]:
    """File names of the BLAS, OpenMP and accelerator libraries in a process's memory map."""
    names = {line.rpartition("/")[2].strip() for line in maps.splitlines() if "/" in line}
    return sorted(name for name in names if _NUMERIC.match(name))


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
"""Engine to what is asked of it."""
