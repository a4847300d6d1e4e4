"""Reads nncase's own listing of a compiled graph: what its neural unit (KPU) does, and what is left to its CPU.

Operators of the KPU begin with GNNE there; everything else is interpreted by the CPU.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from backends.common.errors import WorkerError
from backends.vendors.base.placing import HostRow

KPU = "GNNE"
TRANSFERS = ("GNNELoad", "GNNELoadW", "GNNEStore")
"""Move data to the KPU and back; they compute nothing."""

_LINE = re.compile(r"^\s*%\d+ = (?P<operator>\w+)\((?P<arguments>.*)\): // (?P<kind>\w+)\[(?P<shape>[\d,]*)\]\s*$")
_RESULT = re.compile(r"^\s*%\d+ = ")
_TUPLE = re.compile(r"^\s*%\d+ = (\(|\w+\(.*\): // \()")
_WHICH = re.compile(r"^(?:Unary|Binary|Reduce)Op\.(\w+)")

ONNX_NAMES: Mapping[str, tuple[str, ...]] = {
    "Unary.Square": ("Pow",),
    "Unary.Sqrt": ("Sqrt",),
    "Unary.Neg": ("Neg",),
    "Unary.Rsqrt": ("Sqrt",),
    "Binary.Div": ("Div",),
    "Binary.Mul": ("Mul",),
    "Binary.Add": ("Add",),
    "Binary.Sub": ("Sub",),
    "Binary.Pow": ("Pow",),
    "Reduce.Mean": ("ReduceMean",),
    "Broadcast": ("Expand",),
    "Swish": ("Sigmoid",),
    "Conv2D": ("MatMul",),
    **{
        name: (name,)
        for name in ("Concat", "Expand", "MatMul", "Sigmoid", "Slice", "Softmax", "Transpose", "Unsqueeze", "Where")
    },
    "Reshape": ("Reshape", "Unsqueeze"),
}
"""nncase's name for an operator of the CPU -> the ONNX operators that it may be."""


@dataclass(frozen=True, slots=True)
class Listing:
    """``kpu`` counts the KPU's operators by name; ``host`` are the CPU's."""

    kpu: Mapping[str, int]
    host: tuple[HostRow, ...]

    @property
    def computes_on_kpu(self) -> bool:
        """Whether the KPU does more than move data."""
        return any(name not in TRANSFERS for name in self.kpu)


def read_listing(text: str) -> Listing:
    """The operators of a listing.

    Raises:
        WorkerError: A line that gives a result cannot be read, or there is none.
    """
    kpu: Counter[str] = Counter()
    host: list[HostRow] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not _RESULT.match(line):
            continue
        found = _LINE.match(line)
        if found is None:
            if _TUPLE.match(line):
                continue
            raise WorkerError(f"nncase: line {number} of its listing cannot be read: {line.strip()[:120]!r}")
        operator = found["operator"]
        if operator.startswith(KPU):
            kpu[operator] += 1
            continue
        which = _WHICH.match(found["arguments"])
        name = f"{operator}.{which[1]}" if which else operator
        elements = prod(int(size) for size in found["shape"].split(",") if size)
        host.append(HostRow(name, ONNX_NAMES.get(name, ()), elements))
    if not kpu and not host:
        raise WorkerError("nncase: its listing holds no operator; a version we do not know?")
    return Listing(dict(sorted(kpu.items())), tuple(host))
