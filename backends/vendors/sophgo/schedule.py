"""The compiler's own static schedule: ``compiler_profile_N.txt``, which tpu-mlir writes beside a graph, a file a core.

It is a table of every instruction on the tensor unit (``ENGINE_BD``) and on the DMA engine (``ENGINE_GDMA``) with
begin, end and bytes, then totals. No instruction was executed for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.common.errors import WorkerError
from backends.vendors.sophgo.verdict import find_line

FILE = "compiler_profile_0.txt"

_INSTRUCTION = re.compile(
    r"(?P<operator>[A-Za-z][A-Za-z0-9]*)_\d+\|(?P<kind>[A-Za-z0-9_]+)\|s:\d+\|[^ ]*?\bt:(?P<cycles>\d+)"
)
_CYCLES = re.compile(r"^TCYC : (\d+)", re.MULTILINE)
_TRAFFIC = re.compile(r"^GDMA SUMMARY : .*\bS2L:(\d+)\|.*\bL2S:(\d+)\|.*\bS2S:(\d+)", re.MULTILINE)
_USAGE = re.compile(r"^DDR BW USAGE : ([0-9.]+)%", re.MULTILINE)
_RUNTIME = re.compile(r"^flops: (\d+), runtime: ([0-9.]+)ms", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One execution of a graph as scheduled.

    ``dram_bytes`` are read from and written to the chip's memory; a copy within it counts twice, as the compiler's own
    ``DDR BW USAGE`` counts it. ``dram_usage`` is the part of the memory's bandwidth in use, of the first core.
    ``tensor_cycles`` and ``dma_cycles`` are those in which the two engines work, of the first core; they overlap.
    ``operator_cycles`` are the tensor unit's by the compiler's operator, all cores together.
    """

    cores: int
    cycles: int
    duration_s: float
    dram_bytes: int
    dram_usage: float
    flops: int
    tensor_cycles: int
    dma_cycles: int
    operator_cycles: dict[str, int]

    @property
    def frequency_hz(self) -> float:
        """The clock the compiler counts with."""
        return self.cycles / self.duration_s


def read_schedule(texts: Sequence[str]) -> Schedule:
    """The schedule from the text of every core's file, in the order of the cores.

    Raises:
        WorkerError: A total is missing or zero.
    """
    if not texts:
        raise WorkerError("tpu-mlir wrote no schedule (compiler_profile_0.txt)")
    cycles = [int(find_line(_CYCLES, text, "TCYC", FILE)[1]) for text in texts]
    traffic = [find_line(_TRAFFIC, text, "GDMA SUMMARY", FILE) for text in texts]
    runtime = find_line(_RUNTIME, texts[0], "runtime", FILE)
    duration_s = float(runtime[2]) / 1e3
    if not duration_s or not max(cycles):
        raise WorkerError("tpu-mlir's schedule is of no cycles: the graph compiled to nothing")
    tensor, dma = _busy(texts[0])
    by_operator: dict[str, int] = {}
    for text in texts:
        for operator, spent in _busy(text)[0].items():
            by_operator[operator] = by_operator.get(operator, 0) + spent
    return Schedule(
        cores=len(texts),
        cycles=max(cycles),
        duration_s=duration_s,
        dram_bytes=sum(int(one[1]) + int(one[2]) + 2 * int(one[3]) for one in traffic),
        dram_usage=float(find_line(_USAGE, texts[0], "DDR BW USAGE", FILE)[1]) / 100,
        flops=int(runtime[1]),
        tensor_cycles=sum(tensor.values()),
        dma_cycles=sum(dma.values()),
        operator_cycles=dict(sorted(by_operator.items(), key=lambda item: -item[1])),
    )


def _busy(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Cycles by operator, of the tensor unit and of the DMA engine."""
    tensor: dict[str, int] = {}
    dma: dict[str, int] = {}
    for line in text.splitlines():
        for found in _INSTRUCTION.finditer(line):
            engine = dma if found["kind"].startswith(("GDMA", "SDMA")) else tensor
            engine[found["operator"]] = engine.get(found["operator"], 0) + int(found["cycles"])
    return tensor, dma
