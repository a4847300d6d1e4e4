"""What a vendor's compiler estimates beside what boards with the chip were published to do: a check of the estimate.

Only results of the same chip and of a model with the same dimensions are compared; whatever else differs is said with
the ratio. A ratio above 1 for a throughput means that the estimate is faster than the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.contract.compiled import Compiled
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from profiler.models.presets import presets
from reports.judge.boards.published import PublishedBoard, published_boards
from reports.judge.reason import Reason

SAME_LENGTH = 0.05
"""A prefill is compared with one whose length differs by this part at most: its time grows with the length."""


@dataclass(frozen=True, slots=True)
class BoardCheck:
    """One published result with the estimate for it.

    ``estimate`` is in the unit of the published value, ``ratio`` is estimate / published. ``scaled`` says how the
    estimate was brought to the published model's depth, None if it was of that depth. ``differences`` are all known
    differences between the two.
    """

    published: PublishedBoard
    estimate: float
    ratio: float
    scaled: Reason | None
    differences: tuple[Reason, ...]


def board_check(compiled: Compiled, spec: ModelSpec, workload: Workload, precision: str) -> list[BoardCheck]:
    """The estimate beside every published result of its chip and model, in the order of the facts.

    Results of other weight precisions than ``precision`` are used only where there are none of it, and say so.
    Empty where nothing published can be compared, or the compiler gave no times.
    """
    candidates = [
        published
        for published in published_boards()
        if compiled.chip_id and published.chip == compiled.chip_id and _same_layers(spec, published.model)
    ]
    same = [published for published in candidates if published.precision == precision]
    checks = (_check(published, compiled, spec, workload, precision) for published in same or candidates)
    return [check for check in checks if check is not None]


def _check(
    published: PublishedBoard, compiled: Compiled, spec: ModelSpec, workload: Workload, precision: str
) -> BoardCheck | None:
    phase: Literal["prefill", "decode"] = "decode" if published.metric == "decode_throughput" else "prefill"
    length = workload.total_tokens if phase == "decode" else workload.prompt_tokens
    if phase == "prefill" and abs(length / published.sequence_tokens - 1) > SAME_LENGTH:
        return None
    layers = presets()[published.model].spec.layers
    duration_s = _duration_s(compiled, phase, layers)
    if duration_s is None or workload.batch != 1:
        return None
    estimate = 1 / duration_s if phase == "decode" else duration_s
    scaled = None if spec.layers == layers else Reason("scaled", {"wanted": layers, "layers": spec.layers})
    differences = tuple(_differences(published, compiled, length, phase, precision))
    return BoardCheck(published, estimate, estimate / published.value, scaled, differences)


def _differences(
    published: PublishedBoard, compiled: Compiled, length: int, phase: Literal["prefill", "decode"], precision: str
) -> list[Reason]:
    found = [Reason("host")]

    def differs(code: str, theirs: object, ours: object) -> None:
        found.append(Reason(code, {"published": theirs, "estimated": ours}))

    if published.precision != precision:
        differs("weights", published.precision, precision)
    word = published.published_precision.lower()
    if "bf16" in word and compiled.arithmetic != "bfloat16":
        differs("arithmetic", published.published_precision, compiled.arithmetic)
    elif "f16" not in word and "bf16" not in word:
        differs("arithmetic_open", "", compiled.arithmetic)
    cores = max((int(graph.details.get("cores", 1)) for graph in compiled.graphs), default=1)
    if published.cores != cores:
        differs("cores", published.cores, cores)
    if length != published.sequence_tokens:
        differs("context" if phase == "decode" else "prompt", published.sequence_tokens, length)
    if published.note:
        found.append(Reason("note", {"note": (published.note,)}))
    return found


def _same_layers(spec: ModelSpec, preset: str) -> bool:
    """Whether ``spec`` is the preset, or the preset cut to fewer layers."""
    whole = presets()[preset].spec
    return spec.layers <= whole.layers and spec.with_layers(whole.layers).digest() == whole.digest()


def _duration_s(compiled: Compiled, phase: Literal["prefill", "decode"], layers: int) -> float | None:
    """One execution of the phase at the given depth."""
    total = 0.0
    parts = [graph for graph in compiled.graphs if phase in graph.phases]
    for graph in parts:
        if graph.duration_s is None or graph.part == "whole":
            return None
        total += graph.duration_s * (layers if graph.part == "layer" else graph.copies)
    return total or None
