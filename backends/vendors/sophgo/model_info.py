"""Reads ``model_tool --info`` of a compiled model: its memory plan, and the form of its inputs and outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.vendors.sophgo.verdict import find_line

_VERSION = re.compile(r"^bmodel version: (?P<format>[^+\s]+)\+(?P<compiler>\S+)", re.MULTILINE)
_CHIP = re.compile(r"^chip: (\S+)", re.MULTILINE)
_KERNEL = re.compile(r"^kernel_module size: (\d+)", re.MULTILINE)
_CORES = re.compile(r"^stage 0, core num: (\d+)", re.MULTILINE)
_NETWORK = re.compile(r"^net \d+: \[.*\]\s+(static|dynamic)", re.MULTILINE)
_TENSOR = re.compile(r"^(input|output): (.+), \[([0-9, ]+)\], (\w+), scale:", re.MULTILINE)
_DEVICE = re.compile(r"^device mem size: \d+ \(weight: (\d+), instruct: (\d+), runtime: (\d+)\)", re.MULTILINE)
_HOST = re.compile(r"^host mem size: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a compiled model; ``kind`` is its element type in the compiler's words (``float16``)."""

    name: str
    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One compiled model of one graph.

    ``kernel_bytes`` of the file are the chip's own program, the same for every graph. ``runtime_bytes`` of the device's
    memory hold activations, inputs and outputs; ``instruct_bytes`` the instructions.
    """

    chip: str
    compiler: str
    cores: int
    execution: str
    kernel_bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weight_bytes: int
    instruct_bytes: int
    runtime_bytes: int
    host_bytes: int


def read_model_info(text: str) -> ModelInfo:
    """Read the listing.

    Raises:
        WorkerError: A line that every listing has is missing.
    """
    device = find_line(_DEVICE, text, "device mem size", "model_tool --info")
    tensors = [(one[1], Tensor(one[2], _shape(one[3]), one[4])) for one in _TENSOR.finditer(text)]
    kernel = _KERNEL.search(text)
    return ModelInfo(
        chip=find_line(_CHIP, text, "chip", "model_tool --info")[1],
        compiler=find_line(_VERSION, text, "bmodel version", "model_tool --info")["compiler"],
        cores=int(find_line(_CORES, text, "core num", "model_tool --info")[1]),
        execution=find_line(_NETWORK, text, "net 0", "model_tool --info")[1],
        kernel_bytes=int(kernel[1]) if kernel else 0,
        inputs=tuple(tensor for role, tensor in tensors if role == "input"),
        outputs=tuple(tensor for role, tensor in tensors if role == "output"),
        weight_bytes=int(device[1]),
        instruct_bytes=int(device[2]),
        runtime_bytes=int(device[3]),
        host_bytes=int(find_line(_HOST, text, "host mem size", "model_tool --info")[1]),
    )


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
