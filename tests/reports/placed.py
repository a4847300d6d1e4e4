"""Records whose operators are placed: made-up runs and answers of vendors' tools, with the shape of real ones."""

from __future__ import annotations

from dataclasses import replace

from backends.operators import OperatorPlacement, Place, place_nodes
from backends.operators.count import count_model
from profiler.records.bundle import Bundle
from profiler.records.target import TargetRecord
from tests.outcomes import altered
from tests.reports.bundles import (
    OUTPUT_TOKENS,
    PROMPT_TOKENS,
    QWEN3_06B,
    bundle,
    cuda_target,
    h200_bundle,
    kunpeng_bundle,
    modelled_target,
)

TABLE = "the compiler's own table of operators"


def placements(
    evidence: str = "compiled", host: tuple[str, ...] = ("Gather",), rejected: tuple[str, ...] = (), note: str = ""
) -> tuple[OperatorPlacement, ...]:
    """All operators of Qwen3-0.6B on the accelerator, but for those on the host and the rejected ones."""

    def place(cost) -> Place:
        if cost.operator in rejected:
            return Place("rejected", evidence, TABLE, "no such operator")
        if cost.operator in host:
            return Place("host", evidence, TABLE, note)
        return Place("accelerator", evidence, TABLE)

    found = []
    for phase in ("prefill", "decode"):
        costs = count_model(QWEN3_06B, PROMPT_TOKENS, PROMPT_TOKENS + OUTPUT_TOKENS, phase, "float16")
        found += place_nodes(phase, costs, place)
    return tuple(found)


def with_operators(record: TargetRecord, operators: tuple[OperatorPlacement, ...]) -> TargetRecord:
    """The record, with ``operators`` in what its worker told."""
    if record.worker is not None:
        return altered(record, worker=replace(record.worker, operators=operators))
    return altered(record, report=replace(record.examined, operators=operators))


def placed_bundles(**changes) -> list[Bundle]:
    """A measured accelerator, an unrestricted processor without placements, and two modelled chips."""
    ran = with_operators(cuda_target(), placements("executed", host=("Gather", "Softmax")))
    rknn = with_operators(
        modelled_target("rknn:rk3588", "float16", "rockchip-rk3588"),
        placements(rejected=("Sigmoid",), note="the table says CPU"),
    )
    sophgo = with_operators(modelled_target(), placements())
    return [
        h200_bundle(targets=(ran,), **changes),
        kunpeng_bundle(**changes),
        bundle("/runs/modelled", targets=(sophgo, rknn), **changes),
    ]
