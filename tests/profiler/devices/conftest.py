"""NVML with boards that are not here."""

import os
import sys
from pathlib import Path

import pytest

from profiler.devices.metering.stream import MeterStream
from profiler.devices.nvidia.meter import Nvml
from tests.profiler.devices.nvidia.fake_nvml import fake_nvml

RECORDED = Path(__file__).parent / "recorded"
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


def read_recorded(name):
    lines = (RECORDED / f"{name}.txt").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#: "))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a tool on PATH that runs the given shell lines; ``answer`` files are beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def put(name, body, **answers):
        for answer, text in answers.items():
            (folder / answer).write_text(text)
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\ncd {folder}\n{body}\n')
        program.chmod(0o755)
        return folder

    return put


@pytest.fixture
def tool(install):
    """Puts a tool on PATH that prints one recorded output, whatever it is asked."""
    return lambda name, output: install(name, "cat answer", answer=read_recorded(output))
