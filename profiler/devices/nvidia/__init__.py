"""NVIDIA boards, through NVML."""

from __future__ import annotations

from profiler.devices.device import Device
from profiler.devices.nvidia.board import MAKER
from profiler.devices.nvidia.doctor import check_boards
from profiler.devices.nvidia.inventory import read_nvidia
from profiler.devices.nvidia.meter import Nvml
from profiler.devices.nvidia.monitor import NvmlMonitor

DEVICE = Device(
    "NVIDIA",
    rank=10,
    maker=MAKER,
    device_types=("cuda",),
    libraries=(read_nvidia,),
    meters=(Nvml,),
    monitors=(NvmlMonitor,),
    checks=(check_boards,),
    packages=("nvidia-.*", "tensorrt.*"),
    shared_objects=("cudart", "cublas", "cublasLt", r"cudnn\w*", "cusolver"),
)
