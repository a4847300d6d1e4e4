"""Efficiencies from observations: one hierarchical regression, shrunk where data are thin.

The logarithm of every term's factor (1/efficiency, or seconds of overhead) is a sum of effects::

    all + vendor + format class + engine + engine release + engine x format + engine x chip

Each effect is drawn from a normal distribution around zero whose width (:data:`LEVELS`) says how far such things
differ, so an engine with three rows stays close to what all engines share, and one with a hundred goes where its rows
say. The fit is the maximum a posteriori by Gauss-Newton steps on logarithmic residuals, with Student-t weights so that
single odd rows count little. Left-out residuals of whole groups come from the same matrices in closed form, one Newton
step from the fit without the group: they give the intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reports.judge.projection.evidence import Observation
from reports.judge.projection.groups import chip_family
from reports.judge.projection.situation import Figure, Situation
from reports.judge.projection.step import MEMORY_TERMS, OVERLAP_POWER, TIME_TERMS, Terms, terms

Array = NDArray[np.float64]
Kind = Literal["time", "memory"]

NOISE = 0.1
"""Standard deviation of a good published figure around the model, in log."""

_STUDENT = 4.0
_ITERATIONS = 30
_TOLERANCE = 3e-3
_NEGLIGIBLE = 3e-3
"""An effect that could change no figure by more than this share is left at zero."""


PRIORS: dict[str, tuple[float, float]] = {
    "weights": (1 / 0.65, 0.4),
    "kv_cache": (1 / 0.5, 0.7),
    "prefill": (1 / 0.5, 0.5),
    "attention": (1 / 0.4, 0.7),
    "batch": (1 / 0.5, 0.5),
    "launch": (50e-6, 1.0),
    "host_launch": (600e-6, 1.0),
    "prefill_launch": (300e-6, 0.3),
    "synchronisation": (30e-6, 1.0),
    "per_token": (30e-6, 1.0),
    "per_request": (2e-3, 1.0),
    "weight_bytes": (1.0, 0.01),
    "kv_bytes": (1.0, 0.03),
    "activation_bytes": (10.0, 1.0),
    "logit_bytes": (1.5, 0.5),
    "constant_bytes": (50.0, 1.5),
}
"""Of each term: the factor expected before any row is seen, and how far off it may be, in log. The efficiencies are
what good engines reach (decode 0.5 to 0.78 of the bandwidth, prefill 0.4 to 0.55 of the peak), the overheads a few
launches."""

LEVELS: dict[str, float] = {
    "vendor": 0.3, "class": 0.3, "family": 0.4, "stack": 0.25, "format": 0.25, "chip": 0.25,
}  # fmt: skip
"""Width of the effects of each level, in log."""

_SPREAD = {"weight_bytes": 0.2, "kv_bytes": 0.5, "kv_cache": 1.5, "host_launch": 1.5, "prefill_launch": 3.0}
"""How much wider or narrower than its level the effects of a term are: bytes follow from dimensions, while reading the
cache and launching from the host are what engines and their releases differ in most."""


def nodes_of(situation: Situation) -> dict[str, str]:
    """The effects that apply to a situation, by level."""
    s = situation
    return {
        "vendor": s.device.vendor,
        "class": s.format.group,
        "family": s.stack.family,
        "stack": s.stack.id,
        "format": f"{s.stack.id} x {s.format.id}",
        "chip": f"{s.stack.family} x {chip_family(s.device)}",
    }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Of one observation, predicted without its group: the logarithm of truth over prediction, and the prediction's own
    standard deviation."""

    residual: float
    deviation: float


class Fit:
    """Effects fitted to observations of one kind; ask it for a prediction, its factors, or its left-out residuals."""

    def __init__(self, kind: Kind, observations: Sequence[Observation], start: Fit | None = None) -> None:
        self.kind: Kind = kind
        self.names = TIME_TERMS if kind == "time" else MEMORY_TERMS
        self.observations = tuple(observations)
        self._columns: dict[tuple[str, str], int] = {}
        for observation in self.observations:
            for level, name in nodes_of(observation.situation).items():
                self._columns.setdefault((level, name), len(self._columns))
        self._prior = np.log([PRIORS[name][0] for name in self.names])
        self._shape = (1 + len(self._columns), len(self.names))
        self._widths = np.empty(self._shape)
        spread_of_term = np.array([_SPREAD.get(name, 1.0) for name in self.names])
        self._widths[0] = [PRIORS[name][1] for name in self.names]
        for (level, _), at in self._columns.items():
            self._widths[1 + at] = LEVELS[level] * spread_of_term
        self._members = np.zeros((len(self.observations), self._shape[0]))
        for at, observation in enumerate(self.observations):
            self._members[at] = self._row(observation.situation)
        self._batch = _Batch([terms(o.situation, o.figure) for o in self.observations], len(self.names))
        self._log_truth = np.log([o.value for o in self.observations])
        self._effects: NDArray[Any] = np.zeros(self._shape)
        if start is not None:
            self._effects[0] = start._effects[0]
            for key, at in self._columns.items():
                if key in start._columns:
                    self._effects[1 + at] = start._effects[1 + start._columns[key]]
        self._solve()

    def _row(self, situation: Situation) -> Array:
        row = np.zeros(self._shape[0])
        row[0] = 1.0
        for key in nodes_of(situation).items():
            if key in self._columns:
                row[1 + self._columns[key]] = 1.0
        return row

    def _solve(self) -> None:
        prior_precision = 1 / self._widths**2
        if not self.observations:
            self._active = np.ones(self._shape, dtype=bool)
            self._covariance: NDArray[Any] = np.diag((self._widths**2).ravel())
            return
        for self.iterations in range(1, _ITERATIONS + 1):
            predicted, slopes = self._batch.predict(self._prior + self._members @ self._effects)
            residual = self._log_truth - np.log(predicted)
            weight = (_STUDENT + 1) / (_STUDENT + (residual / NOISE) ** 2) / NOISE**2
            every: Array = (self._members[:, :, None] * slopes[:, None, :]).reshape(len(residual), -1)
            active: NDArray[Any] = (np.abs(every) * self._widths.ravel()).max(axis=0) > _NEGLIGIBLE
            jacobian: Array = every[:, active]
            prior: NDArray[Any] = prior_precision.ravel()[active]
            scaled = jacobian * np.sqrt(weight)[:, None]
            precision = scaled.T @ scaled + np.diag(prior)
            flat = self._effects.ravel()
            gradient = jacobian.T @ (weight * residual) - prior * flat[active]
            step = np.clip(np.linalg.solve(precision, gradient), -1.0, 1.0)
            flat = flat.copy()
            flat[active] += step
            self._effects = flat.reshape(self._shape)
            if np.abs(jacobian @ step).max() < _TOLERANCE:
                break
        self._active = active.reshape(self._shape)
        self._jacobian, self._weight, self._residual = jacobian, weight, residual
        self._covariance = np.linalg.inv(precision)

    def log_factors(self, situation: Situation) -> Array:
        """The logarithm of every term's factor in a situation, in the order of ``names``."""
        found: Array = self._prior + self._row(situation) @ self._effects
        return found

    def parts(self, situation: Situation) -> dict[str, dict[str, float]]:
        """Of every term: the factor all share, and what each level multiplies it by."""
        found = {}
        for at, name in enumerate(self.names):
            made = {"all": float(np.exp(self._prior[at] + self._effects[0, at]))}
            for key in nodes_of(situation).items():
                column = self._columns.get(key)
                if column is not None:
                    made[f"{key[0]} {key[1]}"] = float(np.exp(self._effects[1 + column, at]))
            found[name] = made
        return found

    def rows_behind(self, situation: Situation) -> dict[str, int]:
        """How many observations share each level with a situation."""
        counts = {}
        for key in nodes_of(situation).items():
            at = self._columns.get(key)
            counts[f"{key[0]} {key[1]}"] = 0 if at is None else int(self._members[:, 1 + at].sum())
        return counts

    def predict(self, situation: Situation, figure: Figure) -> tuple[float, float]:
        """The point prediction in seconds or bytes, and its standard deviation in log, noise included."""
        row = self._row(situation)
        batch = _Batch([terms(situation, figure)], len(self.names))
        predicted, slopes = batch.predict((self._prior + row @ self._effects)[None, :])
        jacobian = row[:, None] * slopes[0][None, :]
        active = jacobian[self._active]
        variance = float(active @ self._covariance @ active) if self._active.any() else 0.0
        # What the rows never touched keeps its prior width, and so does every level that has no row of this situation.
        idle = np.where(self._active, 0.0, jacobian)
        variance += float((idle**2 * self._widths**2).sum())
        spread_of_term = np.array([_SPREAD.get(name, 1.0) for name in self.names])
        for key in nodes_of(situation).items():
            if key not in self._columns:
                variance += float(((slopes[0] * LEVELS[key[0]] * spread_of_term) ** 2).sum())
        return float(predicted[0]), float(np.sqrt(variance + NOISE**2))

    def left_out(self, key: Callable[[Observation], Hashable]) -> list[LeftOut]:
        """What every observation's prediction would be without the observations that share its key."""
        found = [LeftOut(0.0, NOISE)] * len(self.observations)
        groups: dict[Hashable, list[int]] = {}
        for at, observation in enumerate(self.observations):
            groups.setdefault(key(observation), []).append(at)
        spread = self._jacobian @ self._covariance
        for members in groups.values():
            own = spread[members] @ self._jacobian[members].T
            weight = self._weight[members]
            # Woodbury: (W^-1 - C)^-1 turns quantities of the full fit into those of the fit without the group.
            inner = np.linalg.inv(np.diag(1 / weight) - own)
            residual = (np.diag(1 / weight) @ inner) @ self._residual[members]
            variance = np.diag(own + own @ inner @ own)
            for at, index in enumerate(members):
                found[index] = LeftOut(float(residual[at]), float(np.sqrt(max(variance[at], 0.0) + NOISE**2)))
        return found


class _Batch:
    """The terms of many figures, predicted at once."""

    def __init__(self, found: Sequence[Terms], width: int) -> None:
        self._added = np.array([t.added for t in found]).reshape(-1, width)
        self._decode = np.array([t.decode for t in found]).reshape(-1, width)
        self._overlapped = np.array([t.overlapped for t in found], dtype=bool)
        self._host = TIME_TERMS.index("host_launch")

    def predict(self, log_factors: Array) -> tuple[Array, Array]:
        """Seconds or bytes of each figure, and the slope of their logarithm by the logarithm of each factor."""
        scaled = np.exp(log_factors)
        added, decode = self._added * scaled, self._decode * scaled
        share = np.ones_like(decode)
        total = decode.sum(axis=1)
        if self._overlapped.any():
            p, rows = OVERLAP_POWER, self._overlapped
            host = decode[rows, self._host]
            device = total[rows] - host
            mean = (host**p + device**p) ** (1 / p)
            safe = np.where(mean > 0, mean, 1.0)
            share[rows] = ((device / safe) ** (p - 1))[:, None]
            share[rows, self._host] = (host / safe) ** (p - 1)
            total = total.copy()
            total[rows] = mean
        predicted = added.sum(axis=1) + total
        return predicted, (added + decode * share) / predicted[:, None]
