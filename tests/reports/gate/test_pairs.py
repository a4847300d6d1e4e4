"""The gate of one sitting: a small loss is caught, no change is no alarm, and too few pairs say nothing."""

import random
from dataclasses import replace

import pytest

from profiler.records.target import Segment
from reports.gate.pairs import paired_change
from tests.outcomes import altered
from tests.reports.bundles import target


def records(speed, pairs, seed, noise=0.01):
    """Two records of one race; the second runs at ``speed`` times the speed of the first."""
    rng = random.Random(seed)
    made = []
    for factor in (1.0, 1 / speed):
        record = target("onnx-cpu", "float32", 1.1, 0.09, count=1)
        segments = tuple(
            Segment(at, 2, 8, 0, round(7e8 * factor * rng.gauss(1, noise))) for at in range(pairs)
        )  # fmt: skip
        made.append(altered(record, worker=replace(record.worker, segments=segments)))
    return made


def verdicts(speed, pairs=40):
    return [paired_change(*records(speed, pairs, seed), "decode").verdict for seed in range(200)]


@pytest.mark.slow
def test_a_loss_of_three_per_cent_is_caught_95_times_in_100_with_one_false_alarm_at_most():
    assert verdicts(0.97).count("slower") >= 190
    assert verdicts(1.0).count("slower") <= 2
    assert verdicts(1.03).count("faster") >= 190


def test_a_change_too_small_to_act_on_is_none_however_sure():
    assert paired_change(*records(0.995, 400, 1, noise=0.001), "decode").verdict == "unchanged"


def test_few_pairs_and_a_phase_without_any_say_nothing():
    assert paired_change(*records(0.5, 11, 1), "decode").verdict == "unavailable"
    assert paired_change(*records(0.5, 40, 1), "prefill").verdict == "unavailable"
