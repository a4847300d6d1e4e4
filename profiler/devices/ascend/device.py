"""The plug-in for Huawei Ascend."""

from __future__ import annotations

from profiler.devices.ascend.meter import NpuSmi
from profiler.devices.ascend.npu_smi import TOOL
from profiler.devices.device import Device

DEVICE = Device("Ascend", tools=(TOOL,), meters=(NpuSmi,))
