"""The device types PyTorch can be extended with. A new one is an entry here and its entry point in ``pyproject.toml``.

A type is what stands before the colon in a PyTorch device string. It does not name a maker: Hygon's, MetaX's and other
makers' builds of PyTorch call their devices ``cuda`` as NVIDIA's does, so the chip is identified by its own tool (see
:mod:`profiler.devices.catalogue`), never by this word.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One device type: ``extension`` is the package that adds it to PyTorch, empty where PyTorch has it built in.

    ``graph`` is the class of the device's module that records work for replay; where a build lacks it, steps run
    without one. ``nodes`` are files that are there when a kernel driver has devices of this type. ``summary`` is what
    ``chipassay devices`` prints beside its target.
    """

    type: str
    makers: str
    extension: str
    graph: str
    nodes: tuple[str, ...]
    remedy: str
    summary: str = ""


KINDS: dict[str, DeviceKind] = {
    kind.type: kind
    for kind in (
        DeviceKind(
            "cuda",
            "NVIDIA; AMD, Hygon, MetaX, Iluvatar and Kunlunxin through their own builds of PyTorch",
            "",
            "CUDAGraph",
            ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/mxcd", "/dev/iluvatar[0-9]*", "/dev/xpu[0-9]*", "/dev/dxg"),
            "install a build of PyTorch for this accelerator (NVIDIA: pip install torch)",
            "PyTorch on NVIDIA (and on AMD, Hygon, MetaX through their builds), one graph a decode step",
        ),
        DeviceKind(
            "npu",
            "Huawei Ascend",
            "torch_npu",
            "NPUGraph",
            ("/dev/davinci[0-9]*",),
            "install CANN and the torch-npu that matches this PyTorch",
            "PyTorch on Huawei Ascend through torch-npu",
        ),
        DeviceKind(
            "mlu",
            "Cambricon",
            "torch_mlu",
            "MLUGraph",
            ("/dev/cambricon_dev[0-9]*",),
            "install Cambricon's Neuware and the torch_mlu that matches this PyTorch",
            "PyTorch on Cambricon through torch_mlu",
        ),
        DeviceKind(
            "musa",
            "Moore Threads",
            "torch_musa",
            "MUSAGraph",
            ("/dev/mtgpu.*", "/dev/mtgpu[0-9]*"),
            "install the MUSA toolkit and the torch_musa that matches this PyTorch",
            "PyTorch on Moore Threads through torch_musa",
        ),
        DeviceKind(
            "xpu",
            "Intel",
            "",
            "XPUGraph",
            ("/dev/dri/renderD*",),
            "install a build of PyTorch for Intel GPUs and the Level Zero driver",
            "PyTorch on Intel GPUs",
        ),
    )
}
"""Every type by the word PyTorch uses. The graph classes are those of torch 2.13, torch-npu and torch_musa."""


def load_device_module(device: str) -> Any:
    """Return PyTorch's module for the type of ``device`` (``torch.cuda`` for ``cuda:0``), its extension imported."""
    import torch

    kind = KINDS.get(device.partition(":")[0])
    if kind is not None and kind.extension:
        importlib.import_module(kind.extension)
    return torch.get_device_module(device)
