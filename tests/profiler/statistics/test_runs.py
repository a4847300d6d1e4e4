"""Two sets of runs: what their ratio is, how sure it is, and what the machine's pace explains."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.statistics.runs import Prior, Run, foreseen, ratio_of_runs, typical_of_runs

PRIOR = Prior(0.03, 4, (0.5, 0.5))
PLAIN = Prior(0.03, 4)
SAMPLES = st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=8)
RUNS = st.lists(st.builds(Run, SAMPLES, st.floats(-1, 1)), min_size=1, max_size=6)


def runs(*levels, paces=None):
    return [Run([level] * 3, None if paces is None else paces[at]) for at, level in enumerate(levels)]


def scaled(group, factor):
    return [Run([factor * value for value in run.samples], run.pace) for run in group]


@settings(deadline=None)
@given(RUNS, RUNS)
def test_a_ratio_turned_over_is_its_inverse(above, below):
    there, back = ratio_of_runs(above, below, PRIOR), ratio_of_runs(below, above, PRIOR)
    assert there.value * back.value == pytest.approx(1)
    assert there.interval(0.99)[0] * back.interval(0.99)[1] == pytest.approx(1)


@settings(deadline=None)
@given(RUNS, RUNS, st.floats(0.1, 10))
def test_a_factor_in_one_set_is_a_factor_in_the_ratio_and_leaves_its_certainty(above, below, factor):
    plain, changed = ratio_of_runs(above, below, PRIOR), ratio_of_runs(scaled(above, factor), below, PRIOR)
    assert changed.value == pytest.approx(factor * plain.value)
    assert changed.log_error == pytest.approx(plain.log_error, rel=1e-6)


@settings(deadline=None)
@given(RUNS, RUNS)
def test_more_confidence_is_a_wider_interval_around_the_value(above, below):
    found = ratio_of_runs(above, below, PRIOR)
    (low, high), (lowest, highest) = found.interval(0.9), found.interval(0.99)
    assert lowest < low < found.value < high < highest


def test_one_run_against_one_rests_on_the_prior():
    found = ratio_of_runs(runs(90), runs(100), PLAIN)
    assert (found.degrees, found.spread) == (4, pytest.approx(0.03))
    assert found.log_error == pytest.approx(0.03 * math.sqrt(2))
    assert found.value == pytest.approx(0.9)


def test_the_spread_comes_from_the_runs_as_they_grow_many():
    wild = runs(*(100 * math.exp(0.1 * (-1) ** at) for at in range(40)))
    assert 0.09 < ratio_of_runs(runs(100), wild, PLAIN).spread < 0.1
    assert ratio_of_runs(runs(100), runs(*[100] * 40), PLAIN).spread < 0.01


def test_repetitions_that_scatter_widen_the_interval_and_repetitions_that_are_many_narrow_it():
    random = np.random.default_rng(1)

    def error(count, scatter):
        return ratio_of_runs([Run(np.exp(scatter * random.standard_normal(count)).tolist())], runs(1), PLAIN).log_error

    assert error(6, 0.2) > 1.5 * error(6, 0.001)
    assert error(60, 0.2) < 0.8 * error(6, 0.2)


def test_runs_in_a_row_are_worth_fewer():
    assert Prior(0.03, 4, lasts=0.0).independent(10) == 10
    assert PLAIN.independent(1) == 1
    assert 1.5 < PLAIN.independent(3) < 3
    assert ratio_of_runs(runs(1, 1, 1), runs(1), PLAIN).log_error > ratio_of_runs(
        runs(1, 1, 1), runs(1), Prior(0.03, 4, lasts=0.0)
    ).log_error  # fmt: skip


def test_a_slower_machine_explains_a_slower_run_once_the_baseline_has_shown_how():
    paces = [0.0, 0.04, -0.04, 0.02, -0.02, 0.06, -0.06, 0.0]
    baseline = runs(*(100 * math.exp(pace) for pace in paces), paces=paces)
    slow = runs(100 * math.exp(-0.08), paces=[-0.08])
    found = ratio_of_runs(slow, baseline, PRIOR)
    assert found.raw == pytest.approx(math.exp(-0.08))
    assert found.pace == pytest.approx(math.exp(-0.08))
    assert found.value == pytest.approx(1, abs=0.015)
    assert found.interval(0.98)[1] > 1, "no loss may be claimed"
    blind = ratio_of_runs([Run(slow[0].samples)], baseline, PRIOR)
    assert blind.pace is None
    assert blind.value == pytest.approx(found.raw)


def test_a_machine_that_was_slower_does_not_hide_a_loss_beyond_that():
    paces = [0.0, 0.04, -0.04, 0.02, -0.02, 0.06, -0.06, 0.0]
    baseline = runs(*(100 * math.exp(pace) for pace in paces), paces=paces)
    slow = runs(*[90 * math.exp(-0.04)] * 3, paces=[-0.04] * 3)
    assert ratio_of_runs(slow, baseline, PRIOR).interval(0.998)[1] < 1


def test_a_pace_never_seen_before_makes_the_interval_wide():
    baseline = runs(*[100] * 8, paces=[0.0, 0.01, -0.01, 0.0, 0.01, -0.01, 0.0, 0.0])
    near, far = (ratio_of_runs(runs(50, paces=[pace]), baseline, PRIOR) for pace in (0.0, -1.0))
    assert near.interval(0.99)[1] < 1
    assert far.interval(0.99)[1] > 1
    assert far.log_error > 5 * near.log_error


def test_a_figure_that_does_not_follow_the_pace_is_left_alone():
    found = ratio_of_runs(runs(90, paces=[-0.5]), runs(100, 100, paces=[0.0, 0.1]), PLAIN)
    assert (found.value, found.pace) == (pytest.approx(0.9), None)


def test_a_typical_run_is_told_as_it_was_with_the_other_sets_spread():
    alone = typical_of_runs(runs(100), [], PLAIN)
    beside = typical_of_runs(runs(100), runs(50, 200, 50, 200, 50, 200), PLAIN)
    assert alone.value == beside.value == pytest.approx(100)
    assert beside.spread > 5 * alone.spread


def test_what_more_runs_would_bring_is_foreseen():
    above, below = runs(1, 1.02), runs(1, 0.98, 1.01)
    widths = [foreseen(above, below, PLAIN, (more, more), 0.95) for more in range(5)]
    assert widths == sorted(widths, reverse=True)
    now = ratio_of_runs(above, below, PLAIN)
    assert widths[0] == pytest.approx(math.log(now.interval(0.95)[1] / now.value))


@pytest.mark.parametrize("bad", [[], [Run([])], [Run([1.0, 0.0])], [Run([-1.0])]])
def test_what_has_no_logarithm_is_refused(bad):
    for pair in ((bad, runs(1)), (runs(1), bad)):
        with pytest.raises(ValueError, match="positive samples"):
            ratio_of_runs(*pair, PLAIN)


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_intervals_cover_as_often_as_they_say(confidence):
    """Ten runs against three, the spread not the one assumed beforehand."""
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        groups = [
            [Run(np.exp(0.02 * random.standard_normal() + 0.01 * random.standard_normal(5)).tolist()) for _ in range(n)]
            for n in (3, 10)
        ]
        low, high = ratio_of_runs(*groups, Prior(0.03, 4, lasts=0.0)).interval(confidence)
        covered += low <= 1 <= high
    assert confidence - 0.02 <= covered / 400
