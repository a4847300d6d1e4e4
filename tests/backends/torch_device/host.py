"""The accelerator's backend on the one device that is always here."""

from typing import ClassVar

from backends.contract.backend import Availability
from backends.torch_device.backend import TorchAccelerator
from backends.torch_device.kinds import DeviceKind


class HostAccelerator(TorchAccelerator):
    """Everything of the backend but the device: PyTorch's ``cpu`` has no graphs, no timing events and no allocator."""

    name = "test-host"
    summary = "for tests"
    kind: ClassVar[DeviceKind] = DeviceKind("cpu", "", "", "no graph", (), "")
    precisions = ("float32", "bfloat16", "float16", "int8")

    @classmethod
    def probe(cls, device):
        return Availability(True)

    @classmethod
    def refuses(cls, device, precision):
        return ""

    @classmethod
    def accelerator(cls, device):
        return "cpu"

    @classmethod
    def free_memory_bytes(cls, device):
        return None
