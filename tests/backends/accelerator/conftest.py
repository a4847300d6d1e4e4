"""The accelerator's backend on the one device that is always here."""

from typing import ClassVar

import pytest

from backends.accelerator.backend import TorchAccelerator
from backends.accelerator.kinds import DeviceKind


class HostAccelerator(TorchAccelerator):
    """Everything of the backend but the device: PyTorch's ``cpu`` has no graphs, no timing events and no allocator."""

    name = "test-host"
    summary = "for tests"
    kind: ClassVar[DeviceKind] = DeviceKind("cpu", "", "", "no graph", (), "")
    precisions = ("float32", "bfloat16", "float16", "int8")

    @classmethod
    def accelerator(cls, device):
        return "cpu"


@pytest.fixture(scope="session")
def host_accelerator():
    return HostAccelerator
