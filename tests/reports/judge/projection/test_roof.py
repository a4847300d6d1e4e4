"""No projection passes the roof of its chip: neither the centre nor an end of the interval."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.chips import load_chips
from reports.judge.projection.projection import project
from reports.judge.projection.roof import held, least_s
from reports.judge.projection.situation import Device

CHIPS = sorted(
    chip.id for chip in load_chips().chips
    if chip.memory_bandwidth_gb_s and chip.peak_dense_tops.get("bf16") and chip.memory_gb
)  # fmt: skip
MODELS = ("qwen3-0.6b", "qwen3-4b", "qwen2.5-3b", "qwen3-8b", "qwen3-32b")


@pytest.mark.slow
@settings(max_examples=40)
@given(
    chip=st.sampled_from(CHIPS), model=st.sampled_from(MODELS), precision=st.sampled_from(("bf16", "int8", "int4")),
    batch=st.sampled_from((1, 8, 64)), prompt=st.sampled_from((16, 128, 4096)),
)  # fmt: skip
def test_no_time_is_shorter_than_the_roof_allows(chip, model, precision, batch, prompt):
    found = project([chip], model=model, precision=precision, batch=batch, prompt_tokens=prompt).chips[0]
    if found.situation is None:
        return
    for name, figure in (("tpot", "step"), ("ttft", "prefill")):
        low, high = found.figures[name].interval_80
        least = least_s(found.situation, figure)
        assert least <= found.figures[name].quantity.value * (1 + 1e-9)
        assert low <= found.figures[name].quantity.value <= high
        best = Device.of(load_chips().find(chip), found.situation.format, corner="high")
        assert low * (1 + 1e-9) >= least_s(replace(found.situation, device=best), figure)


@pytest.mark.parametrize(
    ("model", "roof_tok_s"), [("qwen3-4b", 25.5), ("qwen2.5-3b", 33.2)],
    ids=["measured by its user at 20.2", "measured by its user at 27.2"],
)  # fmt: skip
def test_an_orin_reads_no_more_than_its_memory_gives(model, roof_tok_s):
    rate = project(["nvidia-jetson-agx-orin-64gb"], model=model).chips[0].figures["decode_throughput"]
    assert rate.quantity.value <= roof_tok_s
    assert rate.interval_80[1] <= roof_tok_s


def test_a_fit_that_asks_for_more_than_the_roof_is_held_and_said():
    taken = held(0.8, 0.5, 0.9, 1.0, 0.95)
    assert (taken.value, taken.low, taken.high) == (1.0, 0.95, 1.0)
    assert taken.asked == pytest.approx(1.25)
    free = held(2.0, 1.5, 3.0, 1.0, 1.0)
    assert (free.value, free.low, free.high, free.asked) == (2.0, 1.5, 3.0, None)


def test_a_fit_above_the_roof_is_a_note_of_its_chip_and_one_at_the_roof_is_none():
    notes = {chip: [note.code for note in project([chip], model="qwen3-8b").chips[0].notes]
             for chip in ("nvidia-a10", "nvidia-h200-sxm")}  # fmt: skip
    assert "above_roof_step" in notes["nvidia-a10"]
    assert not [code for code in notes["nvidia-h200-sxm"] if code.startswith("above_roof")]
