"""Energy and power of a target, gross and net of idle, whole and by phase."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

from profiler.devices.metering.faults import DISAGREEMENT, DISAGREES
from profiler.energy.per_token import PerToken, Phase, Work, cross_check, joules_per_token
from profiler.energy.window import NoEnergyError, idle_power, window_energy
from profiler.metrics.contract import Evidence, Metric
from profiler.records.quantity import Grade, Quantity
from profiler.records.target import EnergyReading, PowerModel
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median


def _work(evidence: Evidence) -> Work:
    return Work(evidence.counted, evidence.worker.energy_windows, evidence.prompt_tokens)


def _source(reading: EnergyReading) -> str:
    """The meter and what its joules cover; how they came to be where it does not count them."""
    integrated = f", {reading.power_source} integrated" if reading.grade == "derived" else ""
    return f"{reading.meter} ({reading.scope}{integrated})"


def _words(model: PowerModel) -> str:
    chips = " or ".join(model.chip_ids)
    return (
        f"model {model.name}: the {model.scope} draws {model.least_w:.3g} to {model.most_w:.3g} W, from the design "
        f"power of {chips} ({', '.join(model.sources)}); the middle is shown"
    )


class _EnergyMetric(Metric):
    """A figure taken from the meter of the hardware that executed."""

    def compute(self, evidence: Evidence) -> Quantity:
        """The figure, or why it cannot be had."""
        reading, missing = evidence.energy, ""
        if reading is None and evidence.wall_energy is not None:
            reading, missing = evidence.wall_energy, evidence.energy_reason
        if reading is None:
            bounds = self._bounds(evidence, evidence.power_model) if evidence.power_model else None
            if bounds is None or evidence.power_model is None:
                return Quantity.unavailable(self.unit, evidence.energy_reason)
            method = f"{_words(evidence.power_model)}; nothing was metered: {evidence.energy_reason}"
            return Quantity(sum(bounds) / 2, self.unit, "modelled", method, len(evidence.counted), bounds)
        try:
            found = self._figure(evidence, reading)
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, f"{error}; {missing}" if missing else str(error))
        return replace(found, method=f"{found.method}; no meter of its own: {missing}") if missing else found

    def instrument(self, evidence: Evidence) -> str:
        """The meter with its scope, or the model that stands in for one."""
        reading = evidence.energy or evidence.wall_energy
        if reading is not None:
            return _source(reading)
        return f"model {evidence.power_model.name}" if evidence.power_model else ""

    @abstractmethod
    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        """The figure from the meter's reading; raises :class:`NoEnergyError` with the reason if there is none."""

    def _bounds(self, evidence: Evidence, model: PowerModel) -> tuple[float, float] | None:
        """Lowest and highest value by the model; None for a figure that it cannot give."""
        return None


class _TokenEnergy(_EnergyMetric):
    """Joules per token of a phase."""

    unit, better = "J/tok", "lower"
    phase: ClassVar[Phase]
    net: ClassVar[bool] = False

    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        found = joules_per_token(reading, _work(evidence), self.phase, net=self.net)
        return Quantity(
            found.value, self.unit, found.grade, self._method(reading, found), len(found.joules), found.interval
        )

    def _bounds(self, evidence: Evidence, model: PowerModel) -> tuple[float, float] | None:
        """Power times the median time of the phase; what is above idle the model cannot say."""
        work = _work(evidence)
        tokens = work.tokens(self.phase)
        if self.net or tokens == 0:
            return None
        seconds = work.median_time_s(self.phase)
        return model.least_w * seconds / tokens, model.most_w * seconds / tokens

    def _method(self, reading: EnergyReading, found: PerToken) -> str:
        idle = ", idle power subtracted" if self.net else ""
        period = f", {reading.update_period_s * 1000:.3g} ms a step" if reading.update_period_s else ""
        clock = f" and {reading.clock_uncertainty_s:.2g} s of the meter's clock" if reading.clock_uncertainty_s else ""
        doubt = f"±{found.error_j:.2g} {self.unit} from resolution{period}{clock}" if found.error_j else ""
        return "; ".join(filter(None, [f"{_source(reading)}{idle}, {found.origin}", doubt, cross_check(found)]))


class Energy(_TokenEnergy):
    """Gross joules per output token."""

    name, title, phase = "energy_per_output_token", "Energy", "generate"
    definition = (
        "Energy of the meter's scope over prefill and decode divided by all output tokens, idle power included."
    )


class NetEnergy(_TokenEnergy):
    """Joules per output token above idle."""

    name, title, phase, net = "net_energy_per_output_token", "Net energy", "generate", True
    definition = "The same, with the mean power of the idle windows before and after subtracted."


class PrefillEnergy(_TokenEnergy):
    """Gross joules per prompt token."""

    name, title, phase = "prefill_energy_per_prompt_token", "Prefill energy", "prefill"
    column = "where known"
    definition = "Energy from handing over the prompt to the first output token, divided by the prompt's tokens."


class NetPrefillEnergy(_TokenEnergy):
    """Joules per prompt token above idle."""

    name, title, phase, net = "net_prefill_energy_per_prompt_token", "Net prefill energy", "prefill", True
    column = "details"
    definition = "Prefill energy with the mean power of the idle windows subtracted."


class DecodeEnergy(_TokenEnergy):
    """Gross joules per decoded token."""

    name, title, phase = "decode_energy_per_output_token", "Decode energy", "decode"
    column = "where known"
    definition = (
        "Energy from the first output token to the last, divided by the output tokens after the first. Where a "
        "generation is too short for the meter: that of whole generations less that of prefills, both back to back."
    )


class NetDecodeEnergy(_TokenEnergy):
    """Joules per decoded token above idle."""

    name, title, phase, net = "net_decode_energy_per_output_token", "Net decode energy", "decode", True
    column = "details"
    definition = "Decode energy with the mean power of the idle windows subtracted."


class IntegratedEnergy(_EnergyMetric):
    """The second opinion on gross joules per output token."""

    name, title, unit, better = "integrated_energy_per_output_token", "Energy by power", "J/tok", "lower"
    column = "details"
    definition = (
        "Energy per output token by a second way, polled power integrated over the same windows: a check of the "
        "counter, to be believed less than it, since polling sees only part of the time."
    )

    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        found = joules_per_token(reading, _work(evidence), "generate")
        both = [window for window in found.windows if window.integrated_j is not None]
        counted_j = sum(window.energy_j for window in both)
        if not both or counted_j <= 0:
            return Quantity.unavailable(self.unit, f"{reading.meter} has no second source for these windows")
        value = found.value * sum(window.integrated_j or 0.0 for window in both) / counted_j
        method = f"{reading.power_source} integrated by trapezoid, {found.origin}; {cross_check(found)}"
        return Quantity(value, self.unit, "derived", method, len(both))


class HostEnergy(Metric):
    """What the host's processor took while an accelerator worked."""

    name, title, unit, better = "host_energy_per_output_token", "Host energy", "J/tok", "lower"
    column = "details"
    definition = "Energy of the host's processor packages per output token, for a target on an accelerator."

    def compute(self, evidence: Evidence) -> Quantity:
        """Gross."""
        if evidence.accelerator is None:
            return Quantity.unavailable(self.unit, "the host's processor is the target itself: see Energy")
        if evidence.host_energy is None:
            return Quantity.unavailable(self.unit, "no meter of the host's processor could be read")
        try:
            found = joules_per_token(evidence.host_energy, _work(evidence), "generate")
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, str(error))
        method = f"{_source(evidence.host_energy)}, {found.origin}"
        return Quantity(found.value, self.unit, found.grade, method, len(found.joules), found.interval)


class SecondEnergy(Metric):
    """The same by another meter."""

    name, title, unit, better = "second_meter_energy_per_output_token", "Energy, second meter", "J/tok", "lower"
    column = "details"
    definition = "Energy per output token by another meter of the same hardware, over the same windows: a check."

    def compute(self, evidence: Evidence) -> Quantity:
        """Gross, with how far it is from the first."""
        if evidence.energy is None or evidence.second_energy is None:
            return Quantity.unavailable(self.unit, "no two meters here read the same hardware")
        try:
            first = joules_per_token(evidence.energy, _work(evidence), "generate")
            found = joules_per_token(evidence.second_energy, _work(evidence), "generate")
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, str(error))
        part = found.value / first.value - 1
        apart = f"{100 * part:+.1f} % from {evidence.energy.meter}"
        doubt = (found.error_j + first.error_j) / first.value
        if abs(part) > DISAGREEMENT + doubt:
            apart = f"{DISAGREES}: {apart}, more than the {100 * DISAGREEMENT:g} % and the resolution allow"
        method = f"{_source(evidence.second_energy)}, {found.origin}; {apart}"
        return Quantity(found.value, self.unit, found.grade, method, len(found.joules), found.interval)


class _WallEnergy(_TokenEnergy):
    """What the whole machine took."""

    phase = "generate"

    def compute(self, evidence: Evidence) -> Quantity:
        """Of the wall meter and no other."""
        if evidence.wall_energy is None:
            reason = evidence.wall_reason or "no wall meter was named (--wall-meter)"
            return Quantity.unavailable(self.unit, reason)
        try:
            return self._figure(evidence, evidence.wall_energy)
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, str(error))


class WallEnergy(_WallEnergy):
    """What the whole machine took."""

    name, title, column = "wall_energy_per_output_token", "Wall energy", "where known"
    definition = (
        "Energy of the whole machine per output token by a meter at the wall socket, losses of its power supply and "
        "idle power included."
    )


class NetWallEnergy(_WallEnergy):
    """What the whole machine took above idle."""

    name, title, net = "net_wall_energy_per_output_token", "Net wall energy", True
    column = "details"
    definition = "Wall energy with the mean power of the idle windows before and after subtracted."


class MeanPower(_EnergyMetric):
    """Power while generating."""

    name, title, unit, better = "mean_power", "Power", "W", "lower"
    column = "where known"
    definition = "Mean power of the meter's scope over whole generations, prefill and decode, idle power included."

    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        found = joules_per_token(reading, _work(evidence), "generate")
        powers = [window.power_w for window in found.windows]
        error_w = max(window.error_j / window.duration_s for window in found.windows)
        spread = median_ci95(powers)
        interval = (spread[0] - error_w, spread[1] + error_w) if spread else None
        return self._graded(median(powers), found.grade, f"{_source(reading)}, {found.origin}", len(powers), interval)

    def _bounds(self, evidence: Evidence, model: PowerModel) -> tuple[float, float]:
        return model.least_w, model.most_w

    def _graded(
        self, value: float, grade: Grade, method: str, n: int, interval: tuple[float, float] | None
    ) -> Quantity:
        return Quantity(value, self.unit, "derived" if grade == "measured" else grade, method, n, interval)


class IdlePower(_EnergyMetric):
    """Power at rest."""

    name, title, unit, better = "idle_power", "Idle power", "W", "lower"
    column = "details"
    definition = (
        "Mean power of the meter's scope in the idle windows before and after the worker: what net figures subtract."
    )

    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        found = idle_power(reading)
        method = f"{_source(reading)}; before {found.before_w:.3g} W, after {found.after_w:.3g} W"
        bounds = (found.power_w - found.error_w, found.power_w + found.error_w)
        return Quantity(found.power_w, self.unit, "derived", method, 1, bounds)


class LoadedIdlePower(_EnergyMetric):
    """Power at rest with the model in memory."""

    name, title, unit, better = "loaded_idle_power", "Idle power, loaded", "W", "lower"
    column = "details"
    definition = "Mean power of the meter's scope while the worker holds the model and does nothing."

    def _figure(self, evidence: Evidence, reading: EnergyReading) -> Quantity:
        windows = [window for window in evidence.worker.energy_windows if window.phase == "idle"]
        if not windows:
            return Quantity.unavailable(self.unit, "the worker made no idle window")
        found = window_energy(reading, windows[0].begin_ns, windows[0].end_ns)
        error_w = found.error_j / found.duration_s
        bounds = (found.power_w - error_w, found.power_w + error_w)
        return Quantity(found.power_w, self.unit, "derived", _source(reading), 1, bounds)
