"""Joules per token of a phase, gross or net of idle power, from whichever windows are long enough for the meter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from profiler.devices.metering.faults import IMPRECISE, LARGEST_ERROR
from profiler.energy.window import IdlePower, NoEnergyError, WindowEnergy, disagreement_text, idle_power, window_energy
from profiler.records.quantity import Grade
from profiler.records.readings import EnergyReading
from profiler.records.target import EnergyWindow, Repetition, WorkerReport
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median

Phase = Literal["generate", "prefill", "decode"]


@dataclass(frozen=True, slots=True)
class PerToken:
    """Joules per token: one value a window, and the error that resolution puts on each of them.

    ``windows`` are what it was taken from, ``origin`` names them. ``spread`` is what to multiply the value of
    a single window by for its 95 % interval: that of the repetitions' times, since a single window has no spread.
    """

    joules: tuple[float, ...]
    error_j: float
    grade: Grade
    origin: str
    windows: tuple[WindowEnergy, ...]
    spread: tuple[float, float] | None = None

    @property
    def value(self) -> float:
        """Return the median."""
        return median(self.joules)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval over repetitions, widened by resolution; None with too few repetitions."""
        if len(self.joules) == 1 and self.spread is not None:
            interval: tuple[float, float] | None = (self.value * self.spread[0], self.value * self.spread[1])
        else:
            interval = median_ci95(self.joules)
        return None if interval is None else (interval[0] - self.error_j, interval[1] + self.error_j)


@dataclass(frozen=True, slots=True)
class Work:
    """What was done while the meter was read. Tokens are counted over all sequences."""

    repetitions: Sequence[Repetition]
    windows: Sequence[EnergyWindow]
    prompt_tokens: int

    @property
    def batch(self) -> int:
        """Return how many sequences run side by side."""
        return len(self.repetitions[0].token_ids)

    @property
    def output_tokens(self) -> int:
        """Return how many tokens are generated for one sequence."""
        return len(self.repetitions[0].token_ns)

    def tokens(self, phase: Phase) -> int:
        """Return tokens of one generation that a phase's joules are divided by."""
        each = {"generate": self.output_tokens, "prefill": self.prompt_tokens, "decode": self.output_tokens - 1}
        return self.batch * each[phase]

    def median_time_s(self, phase: Phase) -> float:
        """Return the median time of a phase."""
        spans = [_stretch(repetition, phase) for repetition in self.repetitions]
        return median([(end_ns - begin_ns) / 1e9 for begin_ns, end_ns in spans])

    def time_spread(self, phase: Phase) -> tuple[float, float] | None:
        """Return the 95 % interval of the median time of a phase over that median; None with too few repetitions."""
        spans = [_stretch(repetition, phase) for repetition in self.repetitions]
        times = [float(end_ns - begin_ns) for begin_ns, end_ns in spans]
        interval, centre = median_ci95(times), median(times)
        return None if interval is None or centre == 0 else (interval[0] / centre, interval[1] / centre)


@dataclass(frozen=True, slots=True)
class _Generations:
    """A phase's energy as joules of one generation, window by window, net of ``idle`` where it is given."""

    joules: tuple[float, ...]
    error_j: float
    windows: tuple[WindowEnergy, ...]
    origin: str


def window_edges(worker: WorkerReport) -> tuple[int, ...]:
    """Return every moment at which a window of some figure begins or ends."""
    within = [r.start_ns + offset for r in worker.counted for offset in (0, r.token_ns[0], r.token_ns[-1])]
    return (*within, *(edge for w in worker.energy_windows for edge in (w.begin_ns, w.end_ns)))


def joules_per_token(reading: EnergyReading, work: Work, phase: Phase, *, net: bool = False) -> PerToken:
    """Return joules per output token (``generate``, ``decode``) or prompt token (``prefill``).

    Raises:
        NoEnergyError: If there is no figure, or none that is precise enough: with the reason.
    """
    tokens = work.tokens(phase)
    if tokens == 0:
        raise NoEnergyError("one output token leaves nothing to decode; use --output-tokens 2")
    idle = idle_power(reading) if net else None
    grade: Grade = "derived" if net else reading.grade
    if phase == "decode" and any(window.phase != "idle" for window in work.windows):
        whole, prefill = (_generations(reading, work, part, idle) for part in ("generate", "prefill"))
        joules: tuple[float, ...] = (median(whole.joules) - median(prefill.joules),)
        error_j = whole.error_j + prefill.error_j
        origin, windows, grade = "whole generations less their prefill", whole.windows + prefill.windows, "derived"
    else:
        whole = _generations(reading, work, phase, idle)
        joules, error_j, origin, windows = whole.joules, whole.error_j, whole.origin, whole.windows
    if error_j > LARGEST_ERROR * abs(median(joules)):
        raise NoEnergyError(
            f"{IMPRECISE}: {reading.meter} leaves ±{error_j / tokens:.2g} J on {median(joules) / tokens:.2g} J/tok, "
            f"more than {100 * LARGEST_ERROR:g} %; make the work longer (--output-tokens, --batch)"
        )
    per_token = tuple(j / tokens for j in joules)
    return PerToken(per_token, error_j / tokens, grade, origin, windows, work.time_spread(phase))


def cross_check(energy: PerToken) -> str:
    """Return what integrated power says of the same windows; empty where the meter has no second source."""
    return disagreement_text(energy.windows)


def _generations(reading: EnergyReading, work: Work, phase: Phase, idle: IdlePower | None) -> _Generations:
    """From dedicated windows where there are any, else from the counted repetitions that the meter covers."""
    dedicated = [window for window in work.windows if window.phase == phase]
    if dedicated:
        spans = [(w.begin_ns, w.end_ns, w.generations) for w in dedicated]
        origin = f"{sum(w.generations for w in dedicated)} generations back to back"
    else:
        spans = [(*_stretch(repetition, phase), 1) for repetition in work.repetitions]
        origin = "median over repetitions"
    joules, errors, windows = [], [], []
    refusal: NoEnergyError | None = None
    for begin_ns, end_ns, generations in spans:
        try:
            seen = window_energy(reading, begin_ns, end_ns)
        except NoEnergyError as error:
            refusal = error
            continue
        windows.append(seen)
        base_j = idle.power_w * seen.duration_s if idle else 0.0
        base_error_j = idle.error_w * seen.duration_s if idle else 0.0
        joules.append((seen.energy_j - base_j) / generations)
        errors.append((seen.error_j + base_error_j) / generations)
    if not joules:
        raise refusal or NoEnergyError("no repetition was counted")
    if refusal is not None:
        origin += f", {len(joules)} of {len(spans)} (others: {refusal})"
    return _Generations(tuple(joules), max(errors), tuple(windows), origin)


def _stretch(repetition: Repetition, phase: Phase) -> tuple[int, int]:
    """Begin and end of a phase within a repetition."""
    first, last = (repetition.start_ns + offset for offset in (repetition.token_ns[0], repetition.token_ns[-1]))
    return {
        "generate": (repetition.start_ns, last),
        "prefill": (repetition.start_ns, first),
        "decode": (first, last),
    }[phase]
