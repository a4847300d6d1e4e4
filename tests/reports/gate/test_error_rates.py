"""What the gate promises: no true change rarely fails, a loss of 10 % is caught.

A seeded, smaller form of ``tests/benchmarks/gate_errors.py``.
"""

import pytest

from tests.reports.gate.simulated import MACHINES, SEEN_HERE, simulate

pytestmark = pytest.mark.slow

CHECKS = 60


@pytest.mark.parametrize("name", MACHINES)
def test_without_a_change_hardly_a_check_fails(name):
    """At 1 in 100, more than 4 failures in 60 checks have a probability below 0.0005."""
    assert simulate(MACHINES[name], CHECKS)["failed"] <= 4


def test_a_loss_of_ten_per_cent_is_caught():
    """At 95 in 100, fewer than 51 in 60 have a probability below 0.002."""
    assert simulate(SEEN_HERE, CHECKS, loss=0.1)["failed"] >= 51


def test_one_run_against_one_never_claims_what_it_cannot_know():
    found = simulate(SEEN_HERE, CHECKS, loss=0.1, baseline_runs=1, commit_runs=1)
    assert found["failed"] <= 1
    assert found["inconclusive"] >= CHECKS - 1


def test_a_gain_never_fails():
    assert simulate(SEEN_HERE, CHECKS, loss=-0.1)["failed"] == 0
