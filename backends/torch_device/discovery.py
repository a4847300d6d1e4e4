"""Find accelerators: the cheap checks first, each with its reason, then a query of PyTorch."""

from __future__ import annotations

import ast
import functools
import glob
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.common.nvml import NvmlUnavailableError, nvml_session, said
from backends.contract.backend import Availability
from backends.torch_device.kinds import DeviceKind

ASK_TIMEOUT_S = 120.0
ENVIRONMENT = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
"""Unless the user's environment says otherwise: devices are numbered as nvidia-smi numbers them, not by speed, and only
only the extension in question is imported, not every one that is installed."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as PyTorch sees it; ``capability`` is the compute capability where it is a pair of numbers."""

    name: str
    free_bytes: int
    total_bytes: int
    capability: tuple[int, int] | None


def find_device(kind: DeviceKind, index: str) -> Device | Availability:
    """Return the device of ``kind`` with the number ``index`` (empty means 0), or why there is none and what to do."""
    if index and not index.isdecimal():
        return Availability(False, f"{index!r} is no device number", f"ask for {kind.type}:0")
    absent = _missing_package(kind) or (_no_cuda(kind) if kind.type == "cuda" else _no_node(kind))
    if absent:
        return absent
    found = ask_pytorch(kind.type)
    if isinstance(found, str):
        return Availability(False, f"PyTorch cannot use {kind.type}: {found}", kind.remedy)
    if not found:
        return Availability(False, f"PyTorch sees no {kind.type} device", kind.remedy)
    number = int(index or 0)
    if number >= len(found):
        here = "only number 0 is" if len(found) == 1 else f"0 to {len(found) - 1} are"
        return Availability(False, f"there is no {kind.type}:{number}, {here} here", "choose one of these")
    return found[number]


@functools.cache
def ask_pytorch(kind: str) -> tuple[Device, ...] | str:
    """Return every device of a type that PyTorch can use, or why it cannot; queried once, in another process."""
    here = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(entry for entry in (here, os.environ.get("PYTHONPATH", "")) if entry)
    command = [sys.executable, "-P", "-m", "backends.torch_device.ask", kind]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_TIMEOUT_S,
            check=False,
            env={**ENVIRONMENT, **os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {ASK_TIMEOUT_S:g} s"
    try:
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
        if "error" in answer:
            return str(answer["error"])
        return tuple(
            Device(
                one["name"],
                one["free_bytes"],
                one["total_bytes"],
                tuple(one["capability"][:2]) if one["capability"] else None,
            )
            for one in answer["devices"]
        )
    except (ValueError, KeyError, TypeError):
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        return f"the query failed with exit status {done.returncode}" + (f": {last[:200]}" if last else "")


def _missing_package(kind: DeviceKind) -> Availability | None:
    if importlib.util.find_spec("torch") is None:
        return Availability(False, "torch is not installed", "pip install torch")
    if kind.extension and importlib.util.find_spec(kind.extension) is None:
        return Availability(False, f"{kind.extension} is not installed", kind.remedy)
    return None


def _no_node(kind: DeviceKind) -> Availability | None:
    if any(glob.glob(pattern) for pattern in kind.nodes):  # noqa: PTH207 - patterns are absolute
        return None
    return Availability(
        False, f"no driver for {kind.makers} is loaded (there is no {kind.nodes[0]})", "install the vendor's driver"
    )


def _no_cuda(kind: DeviceKind) -> Availability | None:
    """Return why there is no ``cuda`` device: no driver, no board, or a PyTorch built without CUDA."""
    if (absent := _no_board(kind)) is not None:
        return absent
    version, builds = pytorch_build()
    if not any(builds.values()):
        return Availability(False, f"PyTorch {version} is built without CUDA", kind.remedy)
    return None


def _no_board(kind: DeviceKind) -> Availability | None:
    others = any(glob.glob(pattern) for pattern in kind.nodes[1:])  # noqa: PTH207
    try:
        with nvml_session() as nvml:
            if nvml.nvmlDeviceGetCount() == 0 and not others:
                return Availability(
                    False,
                    "the NVIDIA driver is loaded and finds no device",
                    "check the board, or the container's devices",
                )
    except NvmlUnavailableError as error:
        if not others:
            return Availability(False, f"no NVIDIA driver answers ({error})", error.remedy)
    except Exception as error:  # noqa: BLE001 - NVMLError is known only where its module is
        return Availability(False, f"the NVIDIA driver does not answer (NVML: {said(error)})", "run nvidia-smi; reboot")
    return None


def pytorch_build() -> tuple[str, dict[str, str | None]]:
    """Return PyTorch's version and what it was built for (``cuda``, ``hip``), without importing it."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None and spec.origin is not None
    tree = ast.parse((Path(spec.origin).parent / "version.py").read_text())
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update({target.id: node.value.value for target in targets if isinstance(target, ast.Name)})
    return str(found.get("__version__", "?")), {name: found.get(name) for name in ("cuda", "hip")}
