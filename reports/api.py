"""The Python API for notebooks: read bundles, judge them, and get tidy pandas frames.

::

    from reports.api import frames, judge, read_bundles

    judgement = judge(read_bundles([Path("run1"), Path("run2")]))
    frames(judgement).figures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from profiler.records.bundle import Bundle, read_bundle
from reports.judge import judgement as _judgement
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.samples import counted
from reports.judge.judgement import GroupJudgement, Judgement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Frames", "frames", "judge", "read_bundles"]

NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Frames:
    """A judgement as data frames, one observation a row.

    ``figures``: model, workload, machine, target, status, conclusive, metric, value, unit, grade, method, n, low, high.
    A figure that is unavailable has no value, and its reason in ``method``.
    ``repetitions``: machine, target, repetition, start_s (from the first repetition), ttft_s, duration_s.
    ``dependence``: what, assumption, value, low, high, grade, best, best_unrestricted, reason.
    """

    figures: pd.DataFrame
    repetitions: pd.DataFrame
    dependence: pd.DataFrame


def read_bundles(paths: Sequence[Path | str]) -> list[Bundle]:
    """Read run bundles.

    Raises:
        InputError: If a folder is no bundle, or a bundle is damaged; the message names it.
    """
    return [read_bundle(Path(path)) for path in paths]


def judge(bundles: Sequence[Bundle], as_of: date | None = None, destination: str = "CN") -> Judgement:
    """Judge ``bundles`` under the export rules of ``as_of`` (the newest bundle's day if None) for ``destination``.

    Raises:
        InputError: If the bundles cannot be compared, or the destination is unknown.
    """
    return _judgement.judge(compare(bundles, as_of, destination))


def frames(judgement: Judgement) -> Frames:
    """Return the figures, repetitions and dependence of every group as pandas frames."""
    import pandas as pd

    return Frames(
        pd.DataFrame(_figures(judgement), columns=_FIGURES),
        pd.DataFrame(_repetitions(judgement), columns=_REPETITIONS),
        pd.DataFrame([row for judged in judgement.groups for row in _dependence(judged)], columns=_DEPENDENCE),
    )


_GROUP = ["model", "workload"]
_FIGURES = [*_GROUP, "machine", "target", "status", "conclusive", "metric", "value", "unit", "grade", "method", "n",
            "low", "high"]  # fmt: skip
_REPETITIONS = [*_GROUP, "machine", "target", "repetition", "start_s", "ttft_s", "duration_s"]
_DEPENDENCE = [*_GROUP, "what", "assumption", "value", "low", "high", "grade", "best", "best_unrestricted", "reason"]


def _named(judged: GroupJudgement) -> tuple[str, str]:
    return judged.group.model.spec.name, judged.group.workload.name


def _figures(judgement: Judgement) -> list[tuple[object, ...]]:
    return [
        (
            *_named(judged), row.machine, row.label, row.record.status, row.conclusive, name, figure.value, figure.unit,
            figure.grade, figure.method, figure.n, *(figure.ci95 or (None, None)),
        )
        for judged in judgement.groups for row in judged.group.rows for name, figure in row.record.metrics.items()
    ]  # fmt: skip


def _repetitions(judgement: Judgement) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for judged in judgement.groups:
        for row in judged.group.rows:
            kept = counted(row.record)
            for at, one in enumerate(kept):
                times = [ns / NS_PER_S for ns in (one.token_ns[0], one.token_ns[-1])]
                start_s = (one.start_ns - kept[0].start_ns) / NS_PER_S
                rows.append((*_named(judged), row.machine, row.label, at, start_s, *times))
    return rows


def _dependence(judged: GroupJudgement) -> list[tuple[object, ...]]:
    """One row for each loss and assumption; a loss that cannot be computed has one row, with the reason."""
    study = judged.study
    losses = [(f"throughput:{one.phase}", one.loss) for one in study.phases] + [("energy", study.energy)]
    rows: list[tuple[object, ...]] = []
    for what, loss in losses:
        if loss.reason:
            rows.append((*_named(judged), what, "", None, None, None, "unavailable", None, None, loss.reason))
        rows += [
            (*_named(judged), what, world.assumption, world.value, *(world.ci95 or (None, None)), loss.grade,
             world.best, world.best_unrestricted, "")
            for world in (() if loss.reason else loss.worlds)
        ]  # fmt: skip
    return rows
