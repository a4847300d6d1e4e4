"""The Python interpreter and the packages that take part: what chipassay is built on, and the engines beside it.

Only metadata is read; nothing is imported.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

from profiler.records.findings import Findings
from profiler.records.host import Component

ROOT = "chipassay"

ENGINES = re.compile(
    r"^(torch|torch[-_](npu|mlu|musa|gcu|xla|xpu)|torchvision|triton.*|flagtree|flag[-_]?gems|onnxruntime.*|onnx|openvino.*"
    r"|optimum.*|vllm.*|sglang.*|lmdeploy|mindspore.*|mindie.*|paddlepaddle.*|tensorrt.*|tensorflow.*|jax|jaxlib|deepspeed"
    r"|llama[-_]cpp[-_]python|ktransformers|intel[-_]extension[-_]for[-_]pytorch|rknn.*|tpu[-_]mlir|axengine|nncase.*"
    r"|nvidia-.*|mkl|acl|te|hccl|ray|numpy|transformers)$",
    re.IGNORECASE,
)
"""Distributions that execute models or carry the libraries that do, by name."""

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def read_packages() -> Findings:
    """One component: the interpreter, with ``details["packages"]`` as name to version, sorted by name."""
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


def canonical(name: str) -> str:
    """The name under which packages compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements() -> dict[str, str]:
    """The root and all it needs, and what that needs; extras are left out."""
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
    """Installed engines; the name of the folder is asked before the metadata is opened, which is what takes time."""
    found = {}
    for here in distributions():
        folder = getattr(here, "_path", None)
        guess = folder.name.partition("-")[0] if folder is not None else here.name
        if ENGINES.match(guess.replace("_", "-")) or ENGINES.match(guess):
            found[canonical(here.name)] = here.version
    return found
