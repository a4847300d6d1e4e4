"""The Python interpreter, the packages that chipassay requires, and the inference engines with their own description.

Packages are read from metadata. Engines that this process has imported are queried for execution providers and BLAS;
others are imported only on request, because that takes seconds and memory.
"""

from __future__ import annotations

import importlib
import platform
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from profiler.devices.plugins import installed
from profiler.records.findings import Findings
from profiler.records.host import Component

ROOT = "chipassay"

_EXECUTING = (
    r"torch|torchvision|torch[-_]xla|triton.*|flagtree|flag[-_]?gems|onnxruntime.*|onnx|openvino.*|optimum.*|vllm.*"
    r"|sglang.*|lmdeploy|paddlepaddle.*|tensorflow.*|jax|jaxlib|deepspeed|llama[-_]cpp[-_]python|ktransformers|rknn.*"
    r"|tpu[-_]mlir|axengine|nncase.*|mkl|ray|numpy|transformers"
)
"""Distributions that execute models or carry the libraries that do, by name. Device plug-ins add their makers' own."""

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def read_packages() -> Findings:
    """Return the interpreter as one component; ``details["packages"]`` maps name to version, sorted by name."""
    versions = {**_requirements(), **_installed_engines()}
    details = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "virtual_environment": sys.prefix != sys.base_prefix,
        "packages": dict(sorted(versions.items(), key=lambda pair: pair[0].casefold())),
    }
    unread = (
        {}
        if ROOT in versions
        else {"packages": f"{ROOT} is not installed as a distribution: its requirements are unknown"}
    )
    name = f"{platform.python_implementation()} {platform.python_version()}"
    return Findings((Component("python", name, details=details, source="importlib.metadata"),), unread)


def is_engine(name: str) -> bool:
    """Return whether the distribution ``name`` executes models or carries a library that does."""
    return _engine_names().match(name) is not None


@cache
def _engine_names() -> re.Pattern[str]:
    declared = (pattern for device in installed().devices for pattern in device.packages)
    return re.compile(f"^({'|'.join([_EXECUTING, *declared])})$", re.IGNORECASE)


def canonical(name: str) -> str:
    """Return the name under which packages compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements() -> dict[str, str]:
    """Return chipassay and its requirements, direct and indirect; extras are left out."""
    versions: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        if canonical(name) in seen:
            continue
        seen.add(canonical(name))
        try:
            here = distribution(name)
        except PackageNotFoundError:
            continue
        versions[canonical(name)] = here.version
        waiting.extend(_needs(here))
    return versions


def _needs(here: Distribution) -> Iterator[str]:
    for requirement in here.requires or ():
        text, _, marker = requirement.partition(";")
        match = _REQUIREMENT.match(text)
        if match and "extra" not in marker:
            yield match[1]


def _installed_engines() -> dict[str, str]:
    """Return the installed engines, judged by the folder's name first: opening the metadata is slow."""
    versions = {}
    for here in distributions():
        folder = getattr(here, "_path", None)
        guess = folder.name.partition("-")[0] if folder is not None else here.name
        if is_engine(guess.replace("_", "-")) or is_engine(guess):
            versions[canonical(here.name)] = here.version
    return versions


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
    match = re.search(rf"\b{key}=(\w+)", text)
    return match[1] if match else None


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
