"""``report.csv``: one row per target and metric, at full precision, for a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profiler.metrics import METRICS
from reports.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "machine", "model", "workload", "target", "status", "metric", "value", "unit", "grade", "n", "ci95_low",
    "ci95_high", "method", "bundle", "model_digest", "workload_digest",
)  # fmt: skip


def report_frame(comparison: Comparison) -> pd.DataFrame:
    """Every figure of every target, those that are unavailable included (their ``value`` is missing)."""
    import pandas as pd

    rows = []
    for group in comparison.groups:
        for row in group.rows:
            for name in dict.fromkeys([metric.name for metric in METRICS] + list(row.record.metrics)):
                figure = row.metric(name)
                low, high = figure.ci95 or (None, None)
                rows.append((
                    row.machine, group.model.spec.name, group.workload.name, row.record.id, row.record.status, name,
                    figure.value, figure.unit, figure.grade, figure.n, low, high, figure.method, row.bundle.path.name,
                    row.record.model_digest, row.record.workload_digest,
                ))  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"value": "float64", "ci95_low": "float64", "ci95_high": "float64", "n": "int64"})


def render_csv(comparison: Comparison) -> str:
    """The frame as CSV; a number is written with as many digits as it takes to read back the same double."""
    return report_frame(comparison).to_csv(index=False, lineterminator="\n")
