"""The terms of the time and memory model, worked out by hand, and the laws that hold for any numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.judge.projection.fitting import PRIORS
from reports.judge.projection.formats import formats
from reports.judge.projection.situation import Situation
from reports.judge.projection.stacks import find_stack
from reports.judge.projection.step import MEMORY_TERMS, TIME_TERMS, terms, total
from tests.reports.judge.projection.conftest import DEVICE, DIMENSIONS

FACTORS = np.log([PRIORS[name][0] for name in TIME_TERMS])
MEMORY_FACTORS = np.log([PRIORS[name][0] for name in MEMORY_TERMS])
PLAIN = Situation(DIMENSIONS, formats()["bf16"], DEVICE, 1, find_stack("vllm"), 1, 99, 1)


def named(values):
    return dict(zip(TIME_TERMS, values, strict=True))


def test_step_by_hand(situation):
    found = terms(situation(), "step")
    assert found.overlapped is False
    assert named(found.decode) == pytest.approx({
        "weights": 240e6 / 1e12,
        # 2 x 10 layers x 250 x 2 bytes = 10 kB a token, 100 tokens of context
        "kv_cache": 10_000 * 100 / 1e12,
        # 2 x 120 M + 4 x 10 layers x 1000 x 100
        "batch": (240e6 + 4e6) / 1e14,
        "launch": 10.0, "host_launch": 0.0, "prefill": 0.0, "attention": 0.0, "prefill_launch": 0.0,
        "synchronisation": 0.0, "per_token": 0.0, "per_request": 0.0,
    })  # fmt: skip
    assert not found.added.any()


def test_prefill_by_hand(situation):
    found = named(terms(situation(), "prefill").added)
    assert found["prefill"] == pytest.approx((2 * 100e6 * 99 + 2 * 20e6) / 1e14)
    assert found["attention"] == pytest.approx(4 * 10 * 1000 * 99 * 100 / 2 / 1e14)
    assert found["weights"] == pytest.approx(240e6 / 1e12)
    assert found["prefill_launch"] == 10.0


def test_time_divides_by_efficiency_and_adds_overhead(situation):
    factors = dict.fromkeys(TIME_TERMS, 1.0) | {"weights": 1 / 0.5, "launch": 20e-6, "batch": 1 / 0.25}
    seconds = total(terms(situation(), "step"), np.log([factors[name] for name in TIME_TERMS]))
    assert seconds == pytest.approx(240e-6 / 0.5 + 1e-6 + 2.44e-6 / 0.25 + 10 * 20e-6)


def test_request_is_a_prefill_and_every_step(situation):
    several = situation(output_tokens=7)
    whole = total(terms(several, "request"), FACTORS)
    parts = total(terms(several, "prefill"), FACTORS) + 7 * total(terms(several, "step"), FACTORS)
    assert whole == pytest.approx(parts)


def test_batch_shares_weights_but_not_cache_and_arithmetic(situation):
    one, four = (terms(situation(batch=count), "step").decode for count in (1, 4))
    assert named(four)["weights"] == named(one)["weights"]
    for name in ("kv_cache", "batch"):
        assert named(four)[name] == pytest.approx(4 * named(one)[name])
    assert named(four)["per_token"] == 4.0
    assert named(one)["per_token"] == 0.0


def test_tensor_parallel_divides_work_and_adds_synchronisation(situation):
    found = named(terms(situation(devices=4), "step").decode)
    assert found["weights"] == pytest.approx(240e6 / 4e12)
    assert found["synchronisation"] == 10.0
    assert found["launch"] == 10.0


def test_devices_of_a_pipeline_take_turns(situation):
    one, two = (terms(situation(stack="transformers-4.46", devices=count), "step").decode for count in (1, 2))
    assert (one == two).all()


def test_repeated_attention_reads_every_query_heads_copy(situation):
    grouped = named(terms(situation(), "step").decode)["kv_cache"]
    repeated = named(terms(situation(stack="transformers-4.46"), "step").decode)["kv_cache"]
    assert repeated == pytest.approx(4 * grouped)


def test_host_ahead_of_device_the_slower_sets_the_pace(situation):
    eager = terms(situation(stack="transformers-4.46"), "step")
    assert eager.overlapped
    factors = dict.fromkeys(TIME_TERMS, 1.0)
    slow_host = total(eager, np.log([(factors | {"host_launch": 1e-2})[name] for name in TIME_TERMS]))
    assert slow_host == pytest.approx(0.1, rel=1e-3)
    equal = total(eager, np.log([(factors | {"host_launch": eager.decode.sum() * 1e-1})[n] for n in TIME_TERMS]))
    assert equal < 2 * 0.1 * eager.decode.sum() * 10


def test_graphs_end_where_the_engine_stops_capturing(situation):
    long = situation(stack="vllm-0.4", prompt_tokens=8192)
    assert not long.captured
    assert situation(stack="vllm-0.4", prompt_tokens=8191).captured
    assert not situation(force_eager=True).captured


def test_memory_by_hand(situation):
    found = dict(zip(MEMORY_TERMS, terms(situation(batch=3), "memory").added, strict=True))
    assert found == pytest.approx({
        "weight_bytes": 240e6, "kv_bytes": 3 * 100 * 10_000, "activation_bytes": 3 * 99 * 1000 * 2,
        "logit_bytes": 3 * 20_000 * 4, "constant_bytes": 1e6,
    })  # fmt: skip
    every = terms(situation(stack="transformers-4.40"), "memory").added
    assert every[MEMORY_TERMS.index("logit_bytes")] == 99 * 20_000 * 4


def test_sequences_in_flight_are_limited_by_engine_and_memory(situation):
    assert situation(batch=1000).sequences == 256
    small = replace(DEVICE, memory_b=400e6)
    # 0.9 x 400 MB - 240 MB = 120 MB, over 10 kB x 100 tokens
    assert situation(batch=1000, device=small).sequences == pytest.approx(120)
    assert situation(batch=1, device=small).sequences == 1


def test_formats_count_scales_and_keep_the_head_in_16_bits():
    int4 = formats()["int4"]
    assert int4.decode_bytes(DIMENSIONS) == pytest.approx(100e6 * 4.16 / 8 + 20e6 * 2)
    untied = replace(DIMENSIONS, tied=False)
    assert int4.weight_bytes(untied) - int4.weight_bytes(DIMENSIONS) == pytest.approx(20e6 * 2)


@given(st.floats(1.01, 100), st.sampled_from(["prefill", "step", "request"]), st.booleans())
def test_more_bandwidth_or_peak_is_never_slower(more, figure, eager):
    plain = replace(PLAIN, force_eager=eager)
    before = total(terms(plain, figure), FACTORS)
    faster = replace(DEVICE, bandwidth_b_s=DEVICE.bandwidth_b_s * more)
    assert total(terms(replace(plain, device=faster), figure), FACTORS) < before
    faster = replace(DEVICE, peak_flops=DEVICE.peak_flops * more)
    assert total(terms(replace(plain, device=faster), figure), FACTORS) < before


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.sampled_from(["vllm", "vllm-0.4", "transformers-4.46"]))
def test_more_context_is_never_faster_nor_smaller(prompt, more, stack):
    plain = replace(PLAIN, stack=find_stack(stack), prompt_tokens=prompt, output_tokens=8)
    longer = replace(plain, prompt_tokens=prompt + more)
    for figure in ("prefill", "request"):
        assert total(terms(longer, figure), FACTORS) >= total(terms(plain, figure), FACTORS)
    if plain.captured == longer.captured:
        assert total(terms(longer, "step"), FACTORS) >= total(terms(plain, "step"), FACTORS)
    assert total(terms(longer, "memory"), MEMORY_FACTORS) > total(terms(plain, "memory"), MEMORY_FACTORS)


@given(st.integers(1, 10**10), st.integers(1, 10**9))
def test_more_bytes_are_never_faster(matmul, more):
    small, large = (
        replace(PLAIN, model=replace(DIMENSIONS, layer_matmul=elements)) for elements in (matmul, matmul + more)
    )
    assert total(terms(large, "step"), FACTORS) > total(terms(small, "step"), FACTORS)


@given(st.integers(1, 4096), st.integers(2, 4096))
def test_a_larger_batch_takes_longer_but_not_more_per_sequence(batch, times):
    huge = replace(DEVICE, memory_b=math.inf)
    stack = replace(find_stack("vllm"), max_sequences=10**9)
    small, large = (replace(PLAIN, device=huge, stack=stack, batch=count) for count in (batch + 1, (batch + 1) * times))
    slow, slower = (total(terms(one, "step"), FACTORS) for one in (small, large))
    assert slow < slower < times * slow
