"""The rules the gate judges by, in one table: what is gated, how sure it must be, and what is assumed beforehand."""

from __future__ import annotations

from profiler.metrics.catalogue import Metric
from profiler.statistics.runs import Prior

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

_EITHER = (0.5, 0.5)
"""How a speed follows the bandwidth the machine reads memory with: somewhere from not at all to in proportion."""

BEFOREHAND: dict[str, Prior] = {
    "decode_throughput": Prior(0.03, 4, _EITHER),
    "prefill_throughput": Prior(0.05, 4, _EITHER),
    "peak_memory": Prior(0.005, 4),
    "mbu": Prior(0.1, 4),
    "mfu": Prior(0.15, 4),
}
"""What is assumed of each metric before any run is seen, worth four runs: the relative spread between runs, and how
the metric follows the machine's pace. Measured with ``--workload smoke`` on a shared two-core guest, see
``docs/ci.md``."""


def prior_of(metric: Metric) -> Prior:
    """What is assumed about ``metric``: by name, else times go against the machine's pace and the rest does not."""
    if metric.name in BEFOREHAND:
        return BEFOREHAND[metric.name]
    return Prior(0.05, 4, (-_EITHER[0], _EITHER[1]) if metric.unit == "s" else None)
