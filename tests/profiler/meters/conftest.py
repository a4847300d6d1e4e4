"""NVML with boards that are not here."""

import sys

import pytest

from profiler.meters.nvml import Nvml
from profiler.meters.stream import MeterStream
from tests.inventory.fake_nvml import fake_nvml

ENVIRONMENT = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.fixture
def plug_in(monkeypatch):
    """Makes ``pynvml`` a module that has the given boards (live ones, or plain dicts)."""

    def use(*boards, **more):
        devices = [board if isinstance(board, dict) else board.device() for board in boards]
        module = fake_nvml(*devices, **more)
        for board in boards:
            if not isinstance(board, dict):
                for name in board.changes.get("missing", ()):
                    delattr(module, name)
        monkeypatch.setitem(sys.modules, "pynvml", module)
        return module

    return use


@pytest.fixture
def stream_of(plug_in):
    """A stream over the meter of a live board, on the board's clock."""

    def make(board):
        plug_in(board)
        return MeterStream(Nvml.open("cuda:0", ENVIRONMENT), board.clock)

    return make
