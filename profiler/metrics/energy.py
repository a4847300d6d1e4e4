"""Energy and power of a target, gross and net of idle, whole and by phase."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

from profiler.devices.metering.faults import DISAGREEMENT, DISAGREES
from profiler.energy.per_token import PerToken, Phase, Work, cross_check, joules_per_token
from profiler.energy.window import NoEnergyError, idle_power, window_energy
from profiler.metrics.contract import Context, Metric
from profiler.records.quantity import Grade, Quantity
from profiler.records.readings import HOST, SECOND, TARGET, WALL, EnergyReading, PowerModel
from profiler.records.target import Measured, WorkerReport
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median


def _work(worker: WorkerReport, context: Context) -> Work:
    return Work(worker.counted, worker.energy_windows, context.prompt_tokens)


def _source(reading: EnergyReading) -> str:
    """Return the meter and what its joules cover, and what was integrated where it counts none."""
    integrated = f", {reading.power_source} integrated" if reading.grade == "derived" else ""
    return f"{reading.meter} ({reading.scope}{integrated})"


def _quantity(energy: PerToken, method: str) -> Quantity:
    return Quantity(energy.value, "J/tok", energy.grade, method, len(energy.joules), energy.interval)


def _words(model: PowerModel) -> str:
    chips = " or ".join(model.chip_ids)
    return (
        f"model {model.name}: the {model.scope} draws {model.least_w:.3g} to {model.most_w:.3g} W, from the design "
        f"power of {chips} ({', '.join(model.sources)}); the middle is shown"
    )


class _EnergyMetric(Metric):
    """A figure taken from the meter of the hardware that executed."""

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Return the figure, or why there is none."""
        own, wall = measured.reading(TARGET), measured.reading(WALL)
        reading = own.energy or wall.energy
        if reading is None:
            model = measured.power_model
            bounds = self._bounds(measured.worker, context, model) if model else None
            if bounds is None or model is None:
                return Quantity.unavailable(self.unit, own.reason)
            method = f"{_words(model)}; nothing was metered: {own.reason}"
            return Quantity(sum(bounds) / 2, self.unit, "modelled", method, len(measured.worker.counted), bounds)
        missing = own.reason if own.energy is None else ""
        try:
            figure = self._figure(measured.worker, context, reading)
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, f"{error}; {missing}" if missing else str(error))
        return replace(figure, method=f"{figure.method}; its hardware has no meter: {missing}") if missing else figure

    def instrument(self, measured: Measured) -> str:
        """Return the meter with its scope, or the model that stands in for one."""
        reading = measured.reading(TARGET).energy or measured.reading(WALL).energy
        if reading is not None:
            return _source(reading)
        return f"model {measured.power_model.name}" if measured.power_model else ""

    @abstractmethod
    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        """Return the figure from the meter's reading.

        Raises:
            NoEnergyError: If there is none, with the reason."""

    def _bounds(self, worker: WorkerReport, context: Context, model: PowerModel) -> tuple[float, float] | None:
        """Return lowest and highest value by the model; None for a figure that it cannot give."""
        return None


class _TokenEnergy(_EnergyMetric):
    """Joules per token of a phase."""

    unit, better = "J/tok", "lower"
    phase: ClassVar[Phase]
    net: ClassVar[bool] = False

    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        energy = joules_per_token(reading, _work(worker, context), self.phase, net=self.net)
        return _quantity(energy, self._method(reading, energy))

    def _bounds(self, worker: WorkerReport, context: Context, model: PowerModel) -> tuple[float, float] | None:
        """Return power times the median time of the phase; a model knows no idle power to subtract."""
        work = _work(worker, context)
        tokens = work.tokens(self.phase)
        if self.net or tokens == 0:
            return None
        seconds = work.median_time_s(self.phase)
        return model.least_w * seconds / tokens, model.most_w * seconds / tokens

    def _method(self, reading: EnergyReading, energy: PerToken) -> str:
        idle = ", idle power subtracted" if self.net else ""
        period = f", {reading.update_period_s * 1000:.3g} ms a step" if reading.update_period_s else ""
        clock = f" and {reading.clock_uncertainty_s:.2g} s of the meter's clock" if reading.clock_uncertainty_s else ""
        doubt = f"±{energy.error_j:.2g} {self.unit} from resolution{period}{clock}" if energy.error_j else ""
        return "; ".join(filter(None, [f"{_source(reading)}{idle}, {energy.origin}", doubt, cross_check(energy)]))


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

    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        energy = joules_per_token(reading, _work(worker, context), "generate")
        both = [window for window in energy.windows if window.integrated_j is not None]
        counted_j = sum(window.energy_j for window in both)
        if not both or counted_j <= 0:
            return Quantity.unavailable(self.unit, f"{reading.meter} has no second source for these windows")
        value = energy.value * sum(window.integrated_j or 0.0 for window in both) / counted_j
        method = f"{reading.power_source} integrated by trapezoid, {energy.origin}; {cross_check(energy)}"
        return Quantity(value, self.unit, "derived", method, len(both))


class HostEnergy(Metric):
    """What the host's processor took while an accelerator worked."""

    name, title, unit, better = "host_energy_per_output_token", "Host energy", "J/tok", "lower"
    column = "details"
    definition = "Energy of the host's processor packages per output token, for a target on an accelerator."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Gross."""
        if context.accelerator is None:
            return Quantity.unavailable(self.unit, "the host's processor is the target itself: see Energy")
        reading = measured.reading(HOST).energy
        if reading is None:
            return Quantity.unavailable(self.unit, "no meter of the host's processor could be read")
        try:
            energy = joules_per_token(reading, _work(measured.worker, context), "generate")
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, str(error))
        return _quantity(energy, f"{_source(reading)}, {energy.origin}")


class SecondEnergy(Metric):
    """The same by another meter."""

    name, title, unit, better = "second_meter_energy_per_output_token", "Energy, second meter", "J/tok", "lower"
    column = "details"
    definition = "Energy per output token by another meter of the same hardware, over the same windows: a check."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Gross, with how far it is from the first."""
        own, second = measured.reading(TARGET).energy, measured.reading(SECOND).energy
        if own is None or second is None:
            return Quantity.unavailable(self.unit, "no two meters here read the same hardware")
        try:
            first = joules_per_token(own, _work(measured.worker, context), "generate")
            energy = joules_per_token(second, _work(measured.worker, context), "generate")
        except NoEnergyError as error:
            return Quantity.unavailable(self.unit, str(error))
        part = energy.value / first.value - 1
        apart = f"{100 * part:+.1f} % from {own.meter}"
        doubt = (energy.error_j + first.error_j) / first.value
        if abs(part) > DISAGREEMENT + doubt:
            apart = f"{DISAGREES}: {apart}, more than the {100 * DISAGREEMENT:g} % and the resolution allow"
        return _quantity(energy, f"{_source(second)}, {energy.origin}; {apart}")


class _WallEnergy(_TokenEnergy):
    """What the whole machine took."""

    phase = "generate"

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Of the wall meter and no other."""
        wall = measured.reading(WALL)
        if wall.energy is None:
            return Quantity.unavailable(self.unit, wall.reason or "no wall meter was named (--wall-meter)")
        try:
            return self._figure(measured.worker, context, wall.energy)
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

    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        energy = joules_per_token(reading, _work(worker, context), "generate")
        powers = [window.power_w for window in energy.windows]
        error_w = max(window.error_j / window.duration_s for window in energy.windows)
        spread = median_ci95(powers)
        interval = (spread[0] - error_w, spread[1] + error_w) if spread else None
        grade: Grade = "derived" if energy.grade == "measured" else energy.grade
        return Quantity(median(powers), self.unit, grade, f"{_source(reading)}, {energy.origin}", len(powers), interval)

    def _bounds(self, worker: WorkerReport, context: Context, model: PowerModel) -> tuple[float, float]:
        return model.least_w, model.most_w


class IdlePower(_EnergyMetric):
    """Power at rest."""

    name, title, unit, better = "idle_power", "Idle power", "W", "lower"
    column = "details"
    definition = (
        "Mean power of the meter's scope in the idle windows before and after the worker: what net figures subtract."
    )

    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        idle = idle_power(reading)
        method = f"{_source(reading)}; before {idle.before_w:.3g} W, after {idle.after_w:.3g} W"
        bounds = (idle.power_w - idle.error_w, idle.power_w + idle.error_w)
        return Quantity(idle.power_w, self.unit, "derived", method, 1, bounds)


class LoadedIdlePower(_EnergyMetric):
    """Power at rest with the model in memory."""

    name, title, unit, better = "loaded_idle_power", "Idle power, loaded", "W", "lower"
    column = "details"
    definition = "Mean power of the meter's scope while the worker holds the model and does nothing."

    def _figure(self, worker: WorkerReport, context: Context, reading: EnergyReading) -> Quantity:
        idle = [window for window in worker.energy_windows if window.phase == "idle"]
        if not idle:
            return Quantity.unavailable(self.unit, "the worker made no idle window")
        window = window_energy(reading, idle[0].begin_ns, idle[0].end_ns)
        error_w = window.error_j / window.duration_s
        bounds = (window.power_w - error_w, window.power_w + error_w)
        return Quantity(window.power_w, self.unit, "derived", _source(reading), 1, bounds)
