"""Stretches of a generation between turns: what is timed, and that waiting is not."""

import time

import pytest

from profiler.run.segments import LEAST_TOKENS, SEGMENT_TOKENS, can_segment, run_segments


class Stepper:
    """An engine that takes 2 ms a token."""

    segmented = True

    def generate_in_segments(self, prompt_ids, output_tokens, known):
        for token in range(output_tokens):
            time.sleep(0.002)
            known(token + 1)


def turns(count, waiting_s=0.0):
    left = [count]

    def turn():
        time.sleep(waiting_s)
        left[0] -= 1
        return left[0] >= 0

    return turn


@pytest.mark.parametrize(
    ("output_tokens", "stretches"),
    [
        (28, [(0, 1), (2, 8), (11, 8), (20, 8)]),
        (27, [(0, 1), (2, 8), (11, 8), (20, 7)]),
        (12, [(0, 1), (2, 8)]),
        (15, [(0, 1), (2, 8), (11, 4)]),
    ],
)
def test_a_generation_is_a_prefill_and_stretches_of_decoding(make_workload_of, output_tokens, stretches):
    made = run_segments(Stepper(), make_workload_of(4, output_tokens, 1), turns(len(stretches) + 2))
    first = [(one.at, one.tokens) for one in made if one.heat == 0]
    assert first == stretches
    again = [(one.at, one.tokens) for one in made if one.heat == 1]
    assert again == stretches[: len(again)] and again


def test_waiting_is_no_part_of_a_stretch(make_workload_of):
    made = run_segments(Stepper(), make_workload_of(4, 17, 1), turns(3, waiting_s=0.2))
    assert len(made) == 3
    assert all(one.duration_ns < 0.1e9 for one in made)
    assert [one.begin_ns for one in made] == sorted(one.begin_ns for one in made)
    assert made[1].begin_ns - (made[0].begin_ns + made[0].duration_ns) > 0.15e9


def test_the_step_that_finds_the_caches_empty_is_not_timed(make_workload_of):
    class Cold(Stepper):
        """Its first step after each turn takes 60 ms: it notices a turn by the time that has passed."""

        def generate_in_segments(self, prompt_ids, output_tokens, known):
            slow = False
            for token in range(output_tokens):
                time.sleep(0.06 if slow else 0.002)
                began = time.perf_counter()
                known(token + 1)
                slow = time.perf_counter() - began > 0.1

    made = run_segments(Cold(), make_workload_of(4, 28, 1), turns(4, waiting_s=0.15))
    decoding = [one for one in made if one.at]
    assert len(decoding) == 3
    assert all(one.duration_ns < 0.05e9 for one in decoding)


def test_only_engines_that_stand_still_between_tokens_have_segments(make_workload_of):
    class Whole:
        segmented = False

    assert can_segment(Stepper, make_workload_of(4, SEGMENT_TOKENS, 1))
    assert not can_segment(Whole, make_workload_of(4, SEGMENT_TOKENS, 1))
    assert not can_segment(Stepper, make_workload_of(4, 1 + LEAST_TOKENS, 1))
