"""The rules the gate judges by, in one table: what is gated, how sure it must be, and what is assumed beforehand."""

from __future__ import annotations

from profiler.run_spread import Prior

FALSE_ALARMS = 0.01
"""With no true change at most this part of all checks fails: shared equally among the tests of one check
(Bonferroni)."""

SMALLEST_EFFECT = 0.03
"""A loss below this never fails, however sure it is: nobody acts on it."""

LOSS_TO_CATCH = 0.10
"""The loss the gate is there to catch: a metric is unchanged once one this large is ruled out, else inconclusive."""

RULED_OUT = 0.95
"""How sure the gate must be that there is no such loss."""

SHOWN = 0.95
"""Confidence of the intervals of metrics that are shown and not gated."""

GATED = ("decode_throughput", "ttft", "peak_memory", "energy_per_output_token")
"""Metrics that can fail a check unless others are named. The rest repeats the same clock readings in another form
(prefill throughput is TTFT, TPOT p50 is decode), and each further test would make all of them less sharp."""

SPREAD_BEFOREHAND: dict[str, Prior] = {
    "decode_throughput": Prior(0.03, 4),
    "tpot_p50": Prior(0.03, 4),
    "peak_memory": Prior(0.005, 4),
}
"""Spread between runs assumed before any is seen, worth four runs; measured with ``--workload smoke`` on a shared
two-core guest, see ``docs/ci.md``."""

OTHERWISE = Prior(0.05, 4)
"""The same, for every other metric."""

MACHINE_SPREAD = Prior(0.05, 4)
"""The same, for what the machine could do beside the repetitions."""

MACHINE_SURE = 0.98
"""Two-sided confidence with which the machine itself must have been slower before a loss is laid to it."""


def prior_of(metric: str) -> Prior:
    """What is assumed about the spread of ``metric`` between runs."""
    return SPREAD_BEFOREHAND.get(metric, OTHERWISE)
