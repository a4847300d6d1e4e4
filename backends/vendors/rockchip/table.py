"""Reads what rknn-toolkit2 prints while it builds: its table of operators, its plan of the memory, its errors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from backends.common.errors import WorkerError
from backends.vendors.base.placing import HostRow

ENDS = ("InputOperator", "OutputOperator")
"""Rows of the table that are no operators: where tensors come in and go out."""

FUSED = {
    "exNorm": "RMSNorm",
    "exSDPAttention": "scores, mask, softmax and mix of attention",
    "ConvExSwish": "a product and SiLU",
    "ConvMul": "a product and Mul",
    "ConvAdd": "a product and Add",
}
"""Operators of the NPU that stand for several of ONNX; products are called Conv."""

ONNX_NAMES: Mapping[str, tuple[str, ...]] = {
    "exSoftmax13": ("Softmax",),
    "Reshape": ("Reshape", "Unsqueeze", "Squeeze"),
}
"""rknn-toolkit2's name -> the ONNX operators that it may be; other names are ONNX's own."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STAMP = r"^D RKNN: \[[\d:.]+\]\s*"
_HEAD = re.compile(_STAMP + r"ID\s+OpType\s+DataType\s+Target\s+InputShape\s+OutputShape\s+Cycles\(DDR/NPU/Total\)")
_RULE = re.compile(_STAMP + r"-{20,}\s*$")
_ROW = re.compile(
    _STAMP + r"\d+\s+(?P<operator>\w+)\s+(?P<kind>\w+)\s+(?P<target>[A-Z]+)\s+(?P<given>\S+)\s+(?P<made>\S+)\s+"
    r"(?P<dram>\d+)/(?P<npu>\d+)/(?P<total>\d+)\s+(?:[\d.]+%\s+)?(?P<moved>[\d.]+)(?:\s+\S.*)?$"
)
_MEMORY = re.compile(_STAMP + r"Total (Internal|Weight) Memory Size: ([\d.]+)KB\s*$")
HARMLESS = {"Unkown op target: 0": "one for every Reshape that is left to the CPU"}
"""Lines printed as errors that are none, as the compiler spells them, and what they come with."""

_ERROR = re.compile(r"^E RKNN: (?:\[[\d:.]+\]\s*)?(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Row:
    """One operator as compiled. ``cycles`` are those of memory, of the NPU, and of both; all 0 where none are given."""

    operator: str
    target: str
    elements: int
    cycles: tuple[int, int, int]
    moved_kb: float

    @property
    def host_row(self) -> HostRow:
        """As a row that runs on the CPU."""
        return HostRow(self.operator, ONNX_NAMES.get(self.operator, (self.operator,)), self.elements)


@dataclass(frozen=True, slots=True)
class Report:
    """What was printed. Memory in units of 1024 bytes, as the compiler gives it."""

    rows: tuple[Row, ...]
    internal_kb: float
    weight_kb: float

    @property
    def host(self) -> tuple[Row, ...]:
        """Operators left to the CPU, or to something else than the NPU."""
        return tuple(row for row in self.rows if row.target != "NPU")

    @property
    def timed(self) -> tuple[Row, ...]:
        """Operators with cycles."""
        return tuple(row for row in self.rows if row.cycles[2])

    def cycles(self) -> int:
        """Of those operators that have any, one after the other."""
        return sum(row.cycles[2] for row in self.timed)

    def counted(self, target: str) -> dict[str, int]:
        """Operators by name on ``target``."""
        return dict(sorted(Counter(row.operator for row in self.rows if row.target == target).items()))


def error_lines(output: str) -> dict[str, int]:
    """Kinds of errors the compiler printed, and how many lines each; it may return 0 all the same."""
    found: Counter[str] = Counter()
    for line in _COLOUR.sub("", output).splitlines():
        if match := _ERROR.match(line.strip()):
            text = match["text"].strip()
            found[_kind(text)] += 1
    return dict(found.most_common())


def _kind(text: str) -> str:
    """``REGTASK`` of ``REGTASK: The bit width ...``: what follows differs from line to line, the kind stays."""
    module, colon, _ = text.partition(":")
    return module if colon and module.isupper() else text[:80]


def read_report(output: str) -> Report:
    """The last table and plan in ``output``.

    Raises:
        WorkerError: There is no table or no plan, or a row cannot be read.
    """
    lines = [line.rstrip() for line in _COLOUR.sub("", output).splitlines()]
    heads = [number for number, line in enumerate(lines) if _HEAD.match(line)]
    if not heads:
        raise WorkerError("rknn-toolkit2 printed no table of operators: a version we do not know?")
    rows: list[Row] = []
    for number in range(heads[-1] + 1, len(lines)):
        line = lines[number]
        if _RULE.match(line):
            if rows or number > heads[-1] + 1:
                break
            continue
        found = _ROW.match(line)
        if found is None:
            raise WorkerError(f"rknn-toolkit2: a row of its table cannot be read: {line[:160]!r}")
        rows.append(_row(found))
    memory = {match[1]: float(match[2]) for line in lines if (match := _MEMORY.match(line))}
    if not rows or set(memory) != {"Internal", "Weight"}:
        raise WorkerError("rknn-toolkit2: its table of operators or its plan of the memory is cut off")
    kept = tuple(row for row in rows if row.operator not in ENDS)
    return Report(kept, memory["Internal"], memory["Weight"])


def _row(found: re.Match[str]) -> Row:
    elements = prod(int(size) for size in re.findall(r"\d+", found["made"]))
    cycles = (int(found["dram"]), int(found["npu"]), int(found["total"]))
    try:
        moved = float(found["moved"])
    except ValueError:
        raise WorkerError(f"rknn-toolkit2: {found['moved']!r} is no size in its table") from None
    return Row(found["operator"], found["target"], elements, cycles, moved)
