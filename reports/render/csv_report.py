"""``report.csv``: one row per target and figure, at full precision, for a data frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from profiler.metrics.catalogue import COMMON
from profiler.records.parity import ParityScore
from profiler.records.quantity import Quantity
from reports.judge.comparison.comparison import Row
from reports.judge.dependence import Study
from reports.judge.judgement import Judgement
from reports.judge.roofline import BASES, PHASES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "machine", "model", "workload", "target", "status", "metric", "value", "unit", "grade", "n", "ci95_low",
    "ci95_high", "method", "bundle", "model_digest", "workload_digest", "processor", "export_label", "restricted",
    "raw", "parity", "parity_weights", "arithmetic_top1", "arithmetic_kl", "model_top1", "model_kl",
)  # fmt: skip
_RESTRICTED = {True: "yes", False: "no", None: "indeterminate"}


def report_frame(judgement: Judgement) -> pd.DataFrame:
    """Every figure of every target, those that are unavailable included (their ``value`` is missing).

    After the metrics come the utilisations of each phase under measured and declared ceilings, named
    ``decode_mbu_declared`` and the like.
    """
    import pandas as pd

    rows = []
    for judged in judgement.groups:
        group, study = judged.group, judged.study
        for row in group.rows:
            found = study.standings[row.place]
            for name, figure in figures(row, study):
                low, high = figure.ci95 or (None, None)
                rows.append((
                    row.machine, group.model.spec.name, group.workload.name, row.record.id, row.record.status, name,
                    figure.value, figure.unit, figure.grade, figure.n, low, high, figure.method, row.bundle.path.name,
                    row.record.model_digest, row.record.workload_digest, row.chip.name if row.chip else None,
                    found.label, _RESTRICTED[found.restricted], figure.raw, *_parity(row.record.parity),
                ))  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = dict.fromkeys(("value", "raw", "ci95_low", "ci95_high", *COLUMNS[-4:]), "float64")
    return frame.astype({**numbers, "n": "int64"})


def _parity(score: ParityScore | None) -> tuple[str | float | None, ...]:
    """Return the verdict, what the weights were to it, and both comparisons: top-1 agreement and mean KL in nats.

    The arithmetic is compared with the engine's own dequantised weights, or those of the model if these are the same.
    """
    if score is None:
        return (None,) * 6
    alone = score if score.weights == "same" else score.arithmetic
    apart = (alone.top1_agreement, alone.kl_mean) if alone else (None, None)
    return "passed" if score.passed else "failed", score.weights or None, *apart, score.top1_agreement, score.kl_mean


def figures(row: Row, study: Study) -> Iterator[tuple[str, Quantity]]:
    """Every figure of a target by its name: metrics, then utilisations of a target that ran."""
    for name in dict.fromkeys([metric.name for metric in COMMON] + list(row.record.metrics)):
        yield name, row.metric(name)
    for phase in PHASES:
        place = study.positions.get((row.place, phase))
        for basis in BASES if place else ():
            assert place is not None
            yield f"{phase}_mbu_{basis}", place.reached(basis).mbu
            yield f"{phase}_mfu_{basis}", place.reached(basis).mfu


def render_csv(judgement: Judgement) -> str:
    """The frame as CSV; a number is written with as many digits as it takes to read back the same double."""
    return report_frame(judgement).to_csv(index=False, lineterminator="\n")
