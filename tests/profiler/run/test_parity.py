"""The parity gate over logits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from profiler.run.parity import (
    ARITHMETIC,
    MIXTURES,
    RECURRENT,
    RECURRENT_MIXTURES,
    THRESHOLDS,
    HeldReference,
    judge,
    score,
    scored_positions,
)

LOGITS = arrays(np.float32, (1, 3, 7), elements=st.floats(-30, 30, width=32))


def parity(logits, reference, precision="float32", generated=(), expected=()):
    return score(np.asarray(logits, np.float32), np.asarray(reference, np.float32), precision, generated, expected)


@settings(max_examples=100, deadline=None)
@given(LOGITS, LOGITS)
def test_divergence_is_never_negative_and_errors_are_finite(logits, reference):
    result = parity(logits, reference)
    assert min(result.kl) >= 0 and result.kl_mean >= 0
    assert math.isfinite(result.max_abs_logit_error)


@settings(max_examples=50, deadline=None)
@given(LOGITS)
def test_the_same_logits_are_in_perfect_agreement(logits):
    result = parity(logits, logits)
    assert (result.top1_agreement, result.kl_mean, result.max_abs_logit_error) == (1, 0, 0)
    assert all(parity(logits, logits, precision).passed for precision in THRESHOLDS)


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS, st.integers(-100, 100))
def test_divergence_ignores_a_constant_added_to_all_logits(logits, reference, shift):
    moved = parity(logits.astype(np.float64) + shift, reference)
    assert moved.kl == pytest.approx(parity(logits, reference).kl, rel=1e-3, abs=1e-4)


def test_divergence_is_that_of_the_formula_in_nats():
    result = parity([[[0.0, 0.0]]], [[[math.log(3), 0.0]]])
    assert result.kl_mean == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))


def test_agreement_divergence_and_error_are_over_all_positions_of_all_rows():
    reference = np.zeros((2, 2, 3), np.float32)
    reference[..., 1] = 4
    logits = reference.copy()
    logits[1, 1] = [9, 4, 0]
    result = parity(logits, reference)
    assert result.positions == 4
    assert result.top1 == (True, True, True, False)
    assert result.top1_agreement == 0.75
    assert result.max_abs_logit_error == 9
    assert result.abs_logit_error == (0, 0, 0, 9)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_logit_that_is_no_number_fails_every_gate_and_stays_valid_json(bad):
    reference = np.ones((1, 4, 5), np.float32)
    logits = reference.copy()
    logits[0, 2, 3] = bad
    for precision in THRESHOLDS:
        result = parity(logits, reference, precision)
        assert not result.passed
        assert all(math.isfinite(value) for value in (*result.kl, *result.abs_logit_error, result.kl_mean))
        assert result.top1[2] is False


@pytest.mark.parametrize("precision", THRESHOLDS)
def test_each_limit_alone_can_fail_the_gate(precision):
    limits = THRESHOLDS[precision]
    reference = np.zeros((1, 400, 50), np.float32)
    reference[..., 0] = 12
    assert parity(reference, reference, precision).passed

    shifted = reference + 1.01 * limits.max_abs_logit_error_max
    assert parity(shifted, reference, precision).kl_mean < 1e-6
    assert not parity(shifted, reference, precision).passed

    # Of two tokens the less likely one is raised to just below the other: the same winner, another distribution.
    two = np.zeros((1, 1, 2), np.float32)
    two[..., 0] = limits.max_abs_logit_error_max
    raised = two + np.float32(0.99 * limits.max_abs_logit_error_max) * np.array([0, 1], np.float32)
    result = parity(raised, two, precision)
    assert (result.top1_agreement, result.max_abs_logit_error < limits.max_abs_logit_error_max) == (1, True)
    assert result.kl_mean > limits.kl_mean_max
    assert not result.passed

    close = np.zeros((1, 400, 50), np.float32)
    close[..., 0] = 1e-3
    swapped = np.roll(close, 1, axis=-1)
    result = parity(swapped, close, precision)
    assert (result.top1_agreement, result.kl_mean < 1e-6) == (0, True)
    assert not result.passed


def test_limits_do_not_tighten_as_precision_falls():
    order = [THRESHOLDS[name] for name in ("float32", "float16", "bfloat16", "int4")]
    for finer, coarser in pairwise(order):
        assert finer.top1_agreement_min >= coarser.top1_agreement_min
        assert finer.kl_mean_max <= coarser.kl_mean_max
        assert finer.max_abs_logit_error_max <= coarser.max_abs_logit_error_max


@pytest.mark.parametrize(
    ("generated", "expected", "shared"),
    [((1, 2, 3), (1, 2, 3), 3), ((1, 9, 3), (1, 2, 3), 1), ((9,), (1, 2), 0), ((1,), (1, 2), 1), ((), (1,), 0)],
)
def test_the_shared_beginning_of_free_running_tokens_is_counted(generated, expected, shared):
    assert parity([[[0.0]]], [[[0.0]]], generated=generated, expected=expected).greedy_prefix_tokens == shared


@given(st.integers(1, 5000), st.integers(1, 64))
def test_scored_positions_hold_the_first_and_last_within_64_and_are_few(output_tokens, batch):
    positions = scored_positions(output_tokens, batch)
    assert positions[0] == 0
    assert positions[-1] == min(output_tokens, 64) - 1
    assert list(positions) == sorted(set(positions))
    assert len(positions) <= max(4, 32 // batch)


def test_short_outputs_are_scored_whole():
    assert scored_positions(1, 1) == (0,)
    assert scored_positions(5, 1) == (0, 1, 2, 3, 4)


def test_a_failed_score_says_which_limits_it_missed_and_a_passed_one_nothing():
    reference = np.zeros((1, 1, 3), np.float32)
    reference[..., 0] = 9
    assert parity(reference, reference).shortfall == ""
    moved = parity(reference + 2, reference).shortfall
    assert moved == f"a logit is off by 2, above {THRESHOLDS['float32'].max_abs_logit_error_max:g}"
    swapped = parity(np.roll(reference, 1, axis=-1), reference).shortfall
    for part in ("top-1 agreement 0.00 is below", "nats is above", "off by 9"):
        assert part in swapped


def judged(logits, model, own, precision="int4", arithmetic="int8", error=0.1, **options):
    logits, model, own = (np.asarray(one, np.float32) for one in (logits, model, own))
    held = HeldReference(own, error, 0.3)
    return judge(score(logits, model, precision, (), ()), logits, precision, held, arithmetic, **options)


def peaked(winner, positions=8):
    logits = np.zeros((1, positions, 5), np.float32)
    logits[..., winner] = 6
    return logits


def test_arithmetic_alone_decides_where_weights_can_be_read_back():
    lossy = judged(peaked(1), model=peaked(2), own=peaked(1))
    assert (lossy.passed, lossy.weights, lossy.top1_agreement, lossy.thresholds) == (True, "dequantised", 0, {})
    faulty = judged(peaked(2), model=peaked(2), own=peaked(1))
    assert (faulty.passed, faulty.top1_agreement, faulty.arithmetic.top1_agreement) == (False, 1, 0)
    assert faulty.shortfall == faulty.arithmetic.shortfall and "top-1 agreement 0.00" in faulty.shortfall


@pytest.mark.parametrize(("error", "passes"), [(0.3, True), (0.31, False), (math.inf, False)])
def test_weights_that_rounding_does_not_explain_fail(error, passes):
    result = judged(peaked(1), peaked(1), peaked(1), error=error)
    assert result.passed is passes
    assert math.isfinite(result.arithmetic.weight_error)
    assert result.shortfall.startswith("" if passes else "weights are off by")


def test_one_position_of_another_expert_is_left_to_a_mixture_only():
    own = peaked(1, 16)
    logits = own.copy()
    logits[0, 3] = [6, 4, 0, 0, 0]
    assert not judged(logits, own, own).passed
    assert judged(logits, own, own, mixture=True).passed
    logits[0, 4:] = [6, 4, 0, 0, 0]
    assert not judged(logits, own, own, mixture=True).passed


def test_a_logit_that_is_no_number_fails_the_arithmetic():
    logits = peaked(1)
    logits[0, 0, 0] = math.nan
    assert not judged(logits, peaked(1), peaked(1), mixture=True).passed


def test_weights_that_are_the_models_or_hidden_are_judged_once_and_say_so():
    loss = score(peaked(1), peaked(1), "float32", (), ())
    assert judge(loss, peaked(1), "float32", None, "float32").weights == "same"
    hidden = judge(score(peaked(1), peaked(1), "int4", (), ()), peaked(1), "int4", None, "int8", hidden_reason="why")
    assert (hidden.weights, hidden.arithmetic, hidden.hidden_reason) == ("hidden", None, "why")
    assert hidden.passed and hidden.thresholds["kl_mean_max"] == THRESHOLDS["int4"].kl_mean_max
    unknown = judged(peaked(1), peaked(1), peaked(1), arithmetic="int2")
    assert (unknown.weights, unknown.hidden_reason) == ("hidden", "no limits are known for int2 products")


@pytest.mark.parametrize(
    "limits", [one for table in (ARITHMETIC, MIXTURES, RECURRENT, RECURRENT_MIXTURES) for one in table.values()]
)
def test_a_mean_that_passes_may_hide_no_median(limits):
    assert limits.kl_median_max <= limits.kl_mean_max
