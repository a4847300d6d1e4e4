"""Huawei Ascend, through ``npu-smi``."""

from __future__ import annotations

from profiler.devices.ascend.meter import NpuSmi
from profiler.devices.ascend.tool import MAKER, TOOL
from profiler.devices.device import Device

DEVICE = Device(
    "Ascend",
    maker=MAKER,
    tools=(TOOL,),
    meters=(NpuSmi,),
    packages=("torch[-_]npu", "mindspore.*", "mindie.*", "acl", "te", "hccl"),
    shared_objects=("ascendcl", "opapi"),
)
