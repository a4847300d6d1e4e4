"""What a model and workload would do on chips that are not here: each figure with an 80 % interval, graded
``modelled``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from backends.common.errors import InputError, unknown
from backends.qwen.model import ModelSpec
from profiler.chips import Chip, load_chips
from profiler.models.presets import find_preset, presets
from profiler.records.bundle import Bundle
from profiler.records.quantity import Quantity
from reports.judge.projection.backtest import fit_of
from reports.judge.projection.dimensions import Dimensions, dense_presets, find_dimensions, is_dense
from reports.judge.projection.evidence import Observation, own_evidence
from reports.judge.projection.fitting import nodes_of
from reports.judge.projection.formats import Format, find_format, formats
from reports.judge.projection.groups import chip_family
from reports.judge.projection.intervals import Forecaster
from reports.judge.projection.own_runs import observations_of
from reports.judge.projection.roof import held, least_s
from reports.judge.projection.situation import MEMORY_IN_USE, Device, Figure, Situation
from reports.judge.projection.stacks import Stack, default_stack, find_stack
from reports.judge.reason import Reason

MODEL_VERSION = "chipassay.projection/1"
_MOST_DEVICES = 4096


@dataclass(frozen=True, slots=True)
class Projected:
    """One figure: the quantity carries value, unit, grade and method; ``interval_80`` holds the truth four times in
    five.

    The quantity has no ``ci95``: an 80 % prediction interval is another thing than a 95 % interval of a median. One
    that is unavailable has its reason in ``why``; the quantity's method is then only the code.
    """

    quantity: Quantity
    interval_80: tuple[float, float] | None = None
    why: Reason | None = None

    @classmethod
    def unavailable(cls, unit: str, why: Reason) -> Projected:
        """Return a figure that cannot be projected."""
        return cls(Quantity.unavailable(unit, why.code), why=why)


@dataclass(frozen=True, slots=True)
class ChipProjection:
    """One chip. ``figures`` is keyed ``ttft``, ``tpot``, ``decode_throughput``, ``memory``, ``devices_needed``,
    ``energy_per_output_token``; ``notes`` say what a reader must know, such as a figure the catalogue lacks.

    ``situation`` is what was asked, None where the chip's figures do not allow a time. ``fits`` is whether the model
    fits the ``devices``, None where the chip's memory is not known. ``anchor`` is the measured run on this chip that
    the projection starts from, None where there is none.
    """

    chip_id: str
    chip_name: str
    vendor: str
    stack: str
    devices: int
    fits: bool | None
    seen: bool
    figures: dict[str, Projected]
    notes: tuple[Reason, ...]
    situation: Situation | None
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """The answer of :func:`project`, with the number of figures it rests on.

    ``own_runs`` are the measured targets, as bundle and id, that gave the ``own_figures``.
    """

    model_version: str
    model: str
    precision: str
    batch: int
    prompt_tokens: int
    output_tokens: int
    chips: tuple[ChipProjection, ...]
    published_figures: int
    own_figures: int
    own_runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Projector:
    """The fitted model: time and memory, with their intervals."""

    time: Forecaster
    memory: Forecaster
    own: tuple[Observation, ...] = ()

    def forecaster(self, figure: Figure) -> Forecaster:
        """The one that predicts ``figure``."""
        return self.memory if figure == "memory" else self.time


def projector(bundles: Sequence[Bundle] = ()) -> Projector:
    """The model fitted to the project's published results and the user's bundles; without bundles once a process."""
    if not bundles:
        return _published_only()
    own = tuple(observation for bundle in bundles for observation in observations_of(bundle))
    rows = (*own_evidence().observations, *own)
    plain = _published_only()
    return Projector(
        Forecaster(fit_of("time", rows, plain.time.fit)), Forecaster(fit_of("memory", rows, plain.memory.fit)), own
    )


@cache
def _published_only() -> Projector:
    rows = own_evidence().observations
    return Projector(Forecaster(fit_of("time", rows)), Forecaster(fit_of("memory", rows)))


def project(
    chips: Sequence[str],
    *,
    model: str | None = None,
    bundle: Bundle | None = None,
    more_bundles: Sequence[Bundle] = (),
    precision: str | None = None,
    prompt_tokens: int | None = None,
    output_tokens: int | None = None,
    batch: int | None = None,
    devices: int | None = None,
    stack: str | None = None,
    overlay: Path | None = None,
) -> Projection:
    """Project a model and workload on ``chips`` (ids or names of the catalogue).

    Without ``model`` those of ``bundle`` are taken, and its workload where no lengths are given; otherwise 128 prompt
    and 128 output tokens, batch 1. Without ``devices`` as many are taken as the model needs; without ``stack`` the
    engine with most results on the chip, else the vendor's usual one; without ``precision`` bf16, and for the bundle's
    own chip the fastest target's. ``more_bundles`` are evidence beside ``bundle``: other machines that did its work.

    ``overlay`` is a file of the user's own chip entries.

    Raises:
        InputError: If a chip, model, precision or stack is unknown, with the nearest name, or there is no model.
    """
    dimensions = _model(model, bundle)
    work = bundle.index.workload if bundle is not None else None
    question = _Question(
        dimensions,
        _format(precision),
        precision is not None,
        prompt_tokens or (work.prompt_tokens if work else 128),
        output_tokens or (work.output_tokens if work else 128),
        batch or (work.batch if work else 1),
        devices,
        None if stack is None else find_stack(stack),
    )
    if not chips:
        raise InputError("name at least one chip with --chip (`chipassay chips` lists them)")
    catalogue = load_chips(overlay)
    found = [catalogue.find(name) for name in dict.fromkeys(chips)]
    known = projector([*([bundle] if bundle is not None else []), *more_bundles])
    return Projection(
        MODEL_VERSION, dimensions.name, question.format.id, question.batch, question.prompt_tokens,
        question.output_tokens, tuple(_project(chip, question, known) for chip in found),
        len(own_evidence().observations), len(known.own), tuple(dict.fromkeys(one.place for one in known.own)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Question:
    model: Dimensions
    format: Format
    format_given: bool
    prompt_tokens: int
    output_tokens: int
    batch: int
    devices: int | None
    stack: Stack | None

    def situation(self, device: Device, devices: int, stack: Stack, number_format: Format) -> Situation:
        return Situation(
            self.model, number_format, device, devices, stack, self.batch, self.prompt_tokens, self.output_tokens
        )


def _model(name: str | None, bundle: Bundle | None) -> Dimensions:
    if name is None:
        if bundle is None:
            raise InputError("what to project? give a bundle, or --model PRESET (`chipassay models` lists them)")
        return Dimensions.of(_dense(bundle.index.model.spec))
    preset = presets().get(name.lower())
    if preset is not None:
        _dense(preset.spec)  # published rows may name its language part, which is another model's
    found = find_dimensions(name)
    if found is None:
        find_preset(name)
        raise unknown("model", name.casefold(), dense_presets())
    return found


def _dense(spec: ModelSpec) -> ModelSpec:
    """Refuse what the fitted step model has never seen: experts, linear attention, several streams."""
    if not is_dense(spec):
        raise InputError(
            f"{spec.name} cannot be projected: {spec.architecture} is more than a dense text decoder, and no "
            "figure of such a model was fitted; measure it with `chipassay profile`"
        )
    return spec


def _format(name: str | None) -> Format:
    found = find_format(name or "bf16")
    if found is None:
        raise unknown("precision", str(name), formats())
    return found


def _project(chip: Chip, question: _Question, known: Projector) -> ChipProjection:
    notes: list[Reason] = []
    device, stack, number_format = Device.of(chip, question.format), question.stack, question.format
    corners = (Device.of(chip, number_format, corner="high"), Device.of(chip, number_format, corner="low"))
    own = _own_run(chip, known)
    if own is not None:
        device, corners = own.situation.device, (own.situation.device, own.situation.device)
        stack = stack or own.situation.stack
        number_format = number_format if question.format_given else own.situation.format
        measured = device != Device.of(chip, own.situation.format)
        run = {"place": own.place, "precision": number_format.id}
        notes.append(Reason("anchored_measured" if measured else "anchored_declared", run))
    if stack is None:
        stack = _usual_stack(chip, known)
    memory = question.situation(device, 1, stack, number_format)
    needed, needs = _devices_needed(memory, known)
    devices = question.devices or (needed if needed is not None else 1)
    situation = question.situation(device, devices, stack, number_format)
    figures = {"memory": _memory(situation, known), "devices_needed": needs}
    fits = None if needed is None else devices >= needed
    if needed is None:
        notes.append(Reason("memory_open", {"chip": chip.name}))
    if fits is False:
        why = Reason("too_few_devices", {"needed": needed, "devices": devices})
        return _without_time(chip, situation, known, figures, (*notes, why), fits, own)
    if device.missing is not None:
        why = Reason("no_bandwidth" if device.bandwidth_b_s is None else "no_peak", {"chip": chip.name})
        return _without_time(chip, situation, known, figures, (*notes, why), fits, own)
    if situation.sequences < question.batch:
        in_flight = {"stack": stack.id, "sequences": f"{situation.sequences:.0f}", "batch": question.batch}
        notes.append(Reason("in_flight", in_flight))
    seen = known.time.seen(situation, "step")
    if own is None:
        notes.append(_standing_of(situation, seen, known))
    if situation.device.board_power_w is None:
        notes.append(Reason("no_power", {"chip": chip.name}))
    figures |= _timed(situation, corners, known, notes)
    figures = {name: figures[name] for name in _ORDER}
    return ChipProjection(
        chip.id, chip.name, chip.vendor, stack.id, devices, fits, seen, figures, tuple(notes), situation,
        own.place if own is not None else None,
    )  # fmt: skip


def _standing_of(situation: Situation, seen: bool, known: Projector) -> Reason:
    """What the projection of one chip rests on."""
    rows = known.time.fit.rows_behind(situation)
    nodes = nodes_of(situation)
    here, elsewhere = (rows[f"{level} {nodes[level]}"] for level in ("chip", "family"))
    family = situation.stack.family
    if seen:
        return Reason("rests_on_chip", {"count": here, "stack": situation.stack.id})
    if here:
        return Reason("rests_on_few", {"count": here, "stack": family})
    if elsewhere:
        return Reason("rests_on_other_chips", {"count": elsewhere, "stack": family})
    return Reason("rests_on_all", {"stack": family})


_ABOVE_ROOF: dict[Figure, str] = {
    "step": "above_roof_step", "prefill": "above_roof_prefill", "request": "above_roof_request",
}  # fmt: skip

WORTH_SAYING = 1.005
"""A fit that asks for less than this share of the roof is at the roof, as it is rounded."""

_ORDER = ("ttft", "tpot", "decode_throughput", "memory", "devices_needed", "energy_per_output_token")
_UNITS = {"ttft": "s", "tpot": "s", "decode_throughput": "tok/s", "energy_per_output_token": "J/tok"}


def _without_time(
    chip: Chip, situation: Situation, known: Projector, figures: dict[str, Projected], notes: tuple[Reason, ...],
    fits: bool | None, own: Observation | None,
) -> ChipProjection:  # fmt: skip
    """A chip without times; the last of the notes says why."""
    figures = figures | {name: Projected.unavailable(unit, notes[-1]) for name, unit in _UNITS.items()}
    return ChipProjection(
        chip.id, chip.name, chip.vendor, situation.stack.id, situation.devices, fits,
        known.time.seen(situation, "step"), {name: figures[name] for name in _ORDER}, notes, None,
        own.place if own is not None else None,
    )  # fmt: skip


def _own_run(chip: Chip, known: Projector) -> Observation | None:
    """The bundle's fastest decode on this chip."""
    steps = [o for o in known.own if o.figure == "step" and o.situation.device.chip_id == chip.id]
    return min(steps, key=lambda o: o.value, default=None)


def _usual_stack(chip: Chip, known: Projector) -> Stack:
    """The engine with most results on the chip among those that replay graphs; else the vendor's usual one."""
    counts: dict[str, int] = {}
    wanted = Device.of(chip, formats()["bf16"])
    for observation in known.time.fit.observations:
        s = observation.situation
        if chip_family(s.device) == chip_family(wanted) and s.stack.launch == "captured" and not observation.own_bundle:
            counts[s.stack.id] = counts.get(s.stack.id, 0) + 1
    return find_stack(max(counts, key=lambda name: counts[name])) if counts else default_stack(chip.vendor)


def _method(situation: Situation, known: Projector, how: str) -> Quantity:
    rows = known.time.fit.rows_behind(situation)
    level = f"family {situation.stack.family}"
    return Quantity(
        1.0, "1", "modelled", f"{MODEL_VERSION}: {how}; {situation.stack.id}, 80 % interval from left-out results",
        rows.get(level, 0),
    )  # fmt: skip


def _timed(
    situation: Situation, corners: tuple[Device, Device], known: Projector, notes: list[Reason]
) -> dict[str, Projected]:
    """Times, rates and energy; disputed figures of the chip widen the intervals, its roof ends them.

    A fit that asks for more than the roof is added to ``notes``.
    """
    how = "bytes / (efficiency x bandwidth) + FLOPs / (efficiency x peak) + layers x overhead"
    base = _method(situation, known, how)

    def seconds(figure: Figure) -> tuple[float, float, float]:
        middle = known.time.predict(situation, figure)
        at_best, at_worst = (replace(situation, device=device) for device in corners)
        best, worst = known.time.predict(at_best, figure), known.time.predict(at_worst, figure)
        low, high = min(middle.low, best.low), max(middle.high, worst.high)
        found = held(middle.value, low, high, least_s(situation, figure), least_s(at_best, figure))
        if found.asked is not None and found.asked >= WORTH_SAYING:
            notes.append(
                Reason(_ABOVE_ROOF[figure], {"chip": situation.device.name, "share": f"{100 * found.asked:.0f}"})
            )
        return found.value, found.low, found.high

    def made(unit: str, value: float, low: float, high: float, method: str = base.method) -> Projected:
        return Projected(replace(base, value=value, unit=unit, method=method), (low, high))

    ttft, tpot, request = seconds("prefill"), seconds("step"), seconds("request")
    width = situation.sequences
    found = {
        "ttft": made("s", *ttft),
        "tpot": made("s", *tpot),
        "decode_throughput": made("tok/s", width / tpot[0], width / tpot[2], width / tpot[1]),
    }
    power = situation.device.board_power_w
    if power is None:
        why = Reason("no_power", {"chip": situation.device.name})
        found["energy_per_output_token"] = Projected.unavailable("J/tok", why)
        return found
    tokens = width * situation.output_tokens / situation.devices
    middle = (power[0] * power[1]) ** 0.5
    method = f"{base.method}; declared board power x time, prefill included, so an upper bound of the boards' energy"
    found["energy_per_output_token"] = made(
        "J/tok", middle * request[0] / tokens, power[0] * request[1] / tokens, power[1] * request[2] / tokens, method
    )
    return found


def _memory(situation: Situation, known: Projector) -> Projected:
    value, low, high = _memory_bytes(situation, known)
    base = _method(situation, known, "weights + KV cache + activations + logits + a constant, over all devices")
    n = known.memory.fit.rows_behind(situation).get(f"family {situation.stack.family}", 0)
    return Projected(replace(base, value=value, unit="B", n=n), (low, high))


def _memory_bytes(situation: Situation, known: Projector) -> tuple[float, float, float]:
    """Bytes over all devices, with the interval; never less than the weights and the cache as stored."""
    found = known.memory.predict(situation, "memory")
    tokens = situation.batch * (situation.prompt_tokens + situation.output_tokens)
    stored = situation.format.weight_bytes(situation.model) + tokens * situation.kv_bytes_per_token
    value = max(found.value, stored)
    return value, max(stored, found.low), found.high * value / found.value


def _devices_needed(situation: Situation, known: Projector) -> tuple[int | None, Projected]:
    """The smallest power of two whose memory holds the model, and its interval; None if the chip's memory is not
    known."""
    memory = situation.device.memory_b
    if memory is None:
        return None, Projected.unavailable("devices", Reason("memory_open", {"chip": situation.device.name}))

    def smallest(pick: int) -> int:
        count = 1
        while count < _MOST_DEVICES:
            if _memory_bytes(replace(situation, devices=count), known)[pick] <= MEMORY_IN_USE * count * memory:
                return count
            count *= 2
        return count

    value, low, high = (smallest(pick) for pick in range(3))
    base = _method(situation, known, f"memory over {MEMORY_IN_USE:.0%} of {memory / 1e9:.4g} GB, in powers of two")
    return value, Projected(replace(base, value=float(value), unit="devices"), (float(low), float(high)))
