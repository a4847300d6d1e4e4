"""Figures of pictures, thoughts and turns against answers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.qwen.images import Image
from profiler.metrics.catalogue import METRICS, compute_metrics
from profiler.metrics.inputs import NO_IMAGE, NO_TURNS
from profiler.records.target import Turn
from tests.backends.qwen.families import TINY

MS = 1_000_000
SPEC = TINY["qwen3_vl"]
IMAGE = Image(256, 320, 2, 320, "0" * 64)
NAMES = ("image_encode", "image_share", "image_tokens", "image_mfu", "time_to_answer", "turn_ttft", "conversation_time")


def figures_of(case, **context):
    return compute_metrics(case.measured, replace(case.context, **context))


def test_a_workload_without_picture_thought_and_turns_has_none_of_the_figures(make_case, make_repetition):
    case = make_case([make_repetition()])
    assert not set(NAMES) & set(case.figures)
    made = {metric.name: metric.compute(case.measured, case.context) for metric in METRICS if metric.about}
    assert {name: figure.grade for name, figure in made.items()} == dict.fromkeys(NAMES, "unavailable")
    assert made["image_encode"].method == NO_IMAGE
    assert made["turn_ttft"].method == NO_TURNS
    assert "--thinking-tokens" in made["time_to_answer"].method


def test_a_picture_is_the_time_of_the_tower_within_the_time_to_the_first_token(
    make_case, make_repetition, make_ceilings
):
    runs = [make_repetition(token_ms=(ttft, 900), batch=2, image_ns=took * MS)
            for ttft, took in ((400, 100), (500, 250), (600, 200))]  # fmt: skip
    ceilings = make_ceilings(gemm={"float32": [(-5, 8e9), (2000, 8e9)]})
    figures = figures_of(make_case(runs, ceilings=ceilings, spec=SPEC), image=IMAGE)
    assert (figures["image_encode"].value, figures["image_encode"].unit, figures["image_encode"].n) == (0.2, "s", 3)
    assert figures["image_share"].value == pytest.approx(200 / 600)
    assert (figures["image_tokens"].value, figures["image_tokens"].grade) == (320, "derived")
    work = 2 * SPEC.image_flops(256, 320)
    assert figures["image_mfu"].value == pytest.approx(work / 0.2 / 8e9)
    whole = work + 2 * SPEC.prefill_flops(50)
    assert figures["mfu"].value == pytest.approx(whole / 0.5 / 8e9)


def test_the_answer_begins_with_the_token_after_the_thought(make_case, make_repetition):
    runs = [make_repetition(token_ms=(100, 200, 300, 450 + late, 500 + late)) for late in (0, 20, 10)]
    figure = figures_of(make_case(runs), thinking_tokens=3)["time_to_answer"]
    assert (figure.value, figure.unit, figure.grade) == (0.46, "s", "measured")


def test_later_turns_have_a_median_and_the_conversation_a_length(make_case, make_repetition):
    def run(longer):
        starts = ((1000, 30), (1200, 50), (1500, 40 + longer))
        return make_repetition(
            start_ms=900, turns=tuple(Turn(at * MS, (ttft * MS, (ttft + 60) * MS), ((1, 2),)) for at, ttft in starts)
        )

    figures = figures_of(make_case([run(0), run(2), run(4)]), turns=4)
    assert figures["turn_ttft"].value == pytest.approx(0.042)
    assert figures["conversation_time"].value == pytest.approx((1500 + 42 + 60 - 900) / 1000)
    assert figures["ttft"].value == 0.1, "that of the first turn"
