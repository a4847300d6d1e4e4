"""A ratio of neighbours holds whatever the machine does to both: by hand, and on machines that swing."""

import math
import random
from dataclasses import replace

import pytest

from profiler.records.target import Segment, Spoiler
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.ratio import FEWEST_PAIRS, pairs_of, ratio_of_medians, ratio_of_pairs
from tests.outcomes import altered
from tests.reports.bundles import bundle, target

TRUE = 1.6
"""How many times as fast the first of the two is."""

STEPS, STEP_S = 8, 0.05


def swinging(seed, seconds):
    """Bandwidth over time, as a shared guest showed it: it doubles and halves within seconds. A value each 0.1 s."""
    rng, level, made = random.Random(seed), 0.0, []
    for _ in range(int(seconds * 10)):
        level = 0.985 * level + rng.gauss(0, 0.04)
        made.append(math.exp(max(-0.35, min(0.35, level))))
    return made


def took(bandwidth, at_s, work_s, rng):
    """Seconds that work takes which needs ``work_s`` at bandwidth 1, from ``at_s`` on."""
    done, now = 0.0, at_s
    while done < work_s:
        rate = bandwidth[int(now * 10) % len(bandwidth)]
        part_s = min(0.01, (work_s - done) / rate + 1e-12)
        done += part_s * rate
        now += part_s
    return (now - at_s) * rng.gauss(1, 0.01)


def run_in_turns(seed, seconds):
    bandwidth, rng, now, pairs = swinging(seed, 200), random.Random(seed), 0.0, []
    while now < seconds:
        durations = {}
        order = ("fast", "slow") if len(pairs) % 2 else ("slow", "fast")
        for name in order:
            work = STEPS * STEP_S / (TRUE if name == "fast" else 1)
            durations[name] = took(bandwidth, now, work, rng)
            now += durations[name]
        pairs.append(tuple(segment(len(pairs), durations[name]) for name in ("fast", "slow")))
    return ratio_of_pairs(pairs)


def run_one_by_one(seed, seconds):
    bandwidth, rng, now, rates = swinging(seed, 200), random.Random(seed), 0.0, []
    for work in (64 * STEP_S / TRUE, 64 * STEP_S):
        ends, mine = now + seconds / 2, []
        while now < ends:
            duration = took(bandwidth, now, work, rng)
            mine.append(64 / duration)
            now += duration
        rates.append(mine)
    return ratio_of_medians(*rates)


def segment(heat, seconds, spoilers=(), at=1, tokens=STEPS):
    return Segment(heat, at, tokens, 0, round(seconds * 1e9), spoilers)


@pytest.mark.slow
def test_on_a_machine_that_swings_pairs_find_what_sequences_do_not():
    turns = [run_in_turns(seed, 60) for seed in range(12)]
    sequences = [run_one_by_one(seed, 60) for seed in range(12)]
    for one in turns:
        assert one.value == pytest.approx(TRUE, rel=0.03)
        assert (one.ci95[1] - one.ci95[0]) / 2 / one.value < 0.03
    assert sum(one.ci95[0] <= TRUE <= one.ci95[1] for one in turns) >= 10
    widths = [(one.ci95[1] - one.ci95[0]) / 2 / one.value for one in sequences if one.ci95]
    assert min(widths) > 0.03, "as repetitions minutes apart are on such a machine"


def test_the_median_of_pairs_by_hand():
    pairs = [(segment(at, 1.0), segment(at, 1.0 + at / 100)) for at in range(21)]
    found = ratio_of_pairs(pairs)
    assert found.value == pytest.approx(1.10)
    assert found.samples == (21, 21)
    assert found.ci95[0] < 1.10 < found.ci95[1]


def test_one_over_the_other_is_the_inverse_of_the_other_over_the_one():
    pairs = [(segment(at, 1.0), segment(at, 1.0 + at)) for at in range(8)]
    there, back = ratio_of_pairs(pairs), ratio_of_pairs([(b, a) for a, b in pairs])
    assert there.value * back.value == pytest.approx(1)
    assert back.ci95[0] <= 1 / there.value <= back.ci95[1]


def test_disturbed_pairs_are_left_out_while_enough_remain():
    steal = (Spoiler("cpu_steal", 0.3, 0.05, "cores"),)
    quiet = [(segment(at, 1.0), segment(at, 2.0)) for at in range(FEWEST_PAIRS)]
    spoiled = [(segment(at, 1.0, steal), segment(at, 9.0)) for at in range(100, 110)]
    found = ratio_of_pairs(quiet + spoiled)
    assert found.value == 2.0
    assert "10 disturbed pairs left out" in found.method
    assert ratio_of_pairs(spoiled + quiet[:3]).samples == (13, 13)
    assert ratio_of_pairs(quiet[1:]) is None


def test_only_segments_that_did_the_same_work_are_pairs():
    one, other = (target("torch-cpu", "float32", 1.4, 0.18), target("onnx-cpu", "float32", 1.1, 0.09))
    mine = (segment(0, 1.0, at=0, tokens=1), segment(0, 2.0), segment(0, 2.0, at=9, tokens=7), segment(1, 2.0))
    theirs = (segment(0, 0.5, at=0, tokens=1), segment(0, 1.0), segment(0, 1.0, at=9, tokens=8))
    one, other = with_segments(one, mine), with_segments(other, theirs)
    assert [(a.heat, a.at) for a, _ in pairs_of(one, other)] == [(0, 1)]


def test_targets_of_one_run_are_compared_by_pairs_and_those_of_two_runs_are_not():
    slow = with_segments(target("torch-cpu", "float32", 1.4, 0.18), [segment(at, 1.5) for at in range(20)])
    fast = with_segments(target("onnx-cpu", "float32", 1.1, 0.09), [segment(at, 1.0) for at in range(20)])
    group = compare([bundle(targets=(slow, fast))]).groups[0]
    row = next(row for row in group.rows if row.record.backend == "torch-cpu")
    assert group.lead(row).value == pytest.approx(1.5)
    assert "20 pairs" in group.lead(row).method
    apart = compare([bundle("/a", targets=(slow,)), bundle("/b", targets=(fast,))]).groups[0]
    row = next(row for row in apart.rows if row.record.backend == "torch-cpu")
    assert "pairs" not in apart.lead(row).method


def with_segments(record, segments):
    return altered(record, worker=replace(record.worker, segments=tuple(segments)))
