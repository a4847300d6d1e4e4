"""The Python interpreter, the packages that chipassay requires, and the installed engines.

Only metadata is read; nothing is imported.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

from profiler.devices.plugins import installed
from profiler.records.findings import Findings
from profiler.records.host import Component

ROOT = "chipassay"

_ENGINES = (
    r"torch|torchvision|torch[-_]xla|triton.*|flagtree|flag[-_]?gems|onnxruntime.*|onnx|openvino.*|optimum.*|vllm.*"
    r"|sglang.*|lmdeploy|paddlepaddle.*|tensorflow.*|jax|jaxlib|deepspeed|llama[-_]cpp[-_]python|ktransformers|rknn.*"
    r"|tpu[-_]mlir|axengine|nncase.*|mkl|ray|numpy|transformers"
)
"""Distributions that execute models or carry the libraries that do, by name. Device plug-ins add their makers' own."""

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def read_packages() -> Findings:
    """Return the interpreter as one component; ``details["packages"]`` maps name to version, sorted by name."""
    found = {**_requirements(), **_engines()}
    details = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "virtual_environment": sys.prefix != sys.base_prefix,
        "packages": dict(sorted(found.items(), key=lambda pair: pair[0].casefold())),
    }
    unread = (
        {}
        if ROOT in found
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
    return re.compile(f"^({'|'.join([_ENGINES, *declared])})$", re.IGNORECASE)


def canonical(name: str) -> str:
    """Return the name under which packages compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements() -> dict[str, str]:
    """Return chipassay and its requirements, direct and indirect; extras are left out."""
    found: dict[str, str] = {}
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
        found[canonical(name)] = here.version
        waiting.extend(_needs(here))
    return found


def _needs(here: Distribution) -> Iterator[str]:
    for requirement in here.requires or ():
        text, _, marker = requirement.partition(";")
        match = _REQUIREMENT.match(text)
        if match and "extra" not in marker:
            yield match[1]


def _engines() -> dict[str, str]:
    """Return the installed engines, judged by the folder's name first: opening the metadata is slow."""
    found = {}
    for here in distributions():
        folder = getattr(here, "_path", None)
        guess = folder.name.partition("-")[0] if folder is not None else here.name
        if is_engine(guess.replace("_", "-")) or is_engine(guess):
            found[canonical(here.name)] = here.version
    return found
