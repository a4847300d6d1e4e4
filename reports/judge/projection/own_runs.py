"""The user's own bundles as evidence: each measured target becomes observations beside the published ones."""

from __future__ import annotations

from profiler.records.bundle import Bundle
from profiler.records.target import TargetRecord
from reports.judge.comparison.processor import processor_of
from reports.judge.projection.dimensions import Dimensions
from reports.judge.projection.evidence import Observation
from reports.judge.projection.formats import Format, find_format, formats
from reports.judge.projection.situation import Device, Figure, Situation
from reports.judge.projection.stacks import stack_of

_OWN_FORMATS = {"int8": "int8", "float8": "fp8"}


def observations_of(bundle: Bundle) -> tuple[Observation, ...]:
    """Time to first token, decode step and peak memory of every comparable target.

    The device's figures are the ceilings measured in the same run where there are any, else the catalogue's; a target
    whose device has neither gives only its memory.
    """
    found: list[Observation] = []
    for record in bundle.targets:
        number_format = _format_of(record.precision)
        if record.status == "ok" and record.worker is not None and number_format is not None:
            found += _observations(bundle, record, number_format)
    return tuple(found)


def _format_of(precision: str) -> Format | None:
    """The format of a target; its int8 quantises weights only, where published rows of that name mean W8A8."""
    return formats()[_OWN_FORMATS[precision]] if precision in _OWN_FORMATS else find_format(precision)


def _observations(bundle: Bundle, record: TargetRecord, number_format: Format) -> list[Observation]:
    work = bundle.index.workload
    situation = Situation(
        Dimensions.of(bundle.index.model.spec), number_format, _device(bundle, record, number_format), 1,
        stack_of(f"chipassay {record.backend}"), work.batch, work.prompt_tokens, work.output_tokens,
    )  # fmt: skip
    figures: list[tuple[Figure, str, str]] = [("memory", "peak_memory", "B")]
    if situation.device.missing is None:
        if work.image is None:  # what a picture takes is no prefill of text
            figures.append(("prefill", "ttft", "s"))
        figures.append(("step", "decode_throughput", "tok/s"))
    found = []
    for figure, metric, unit in figures:
        measured = record.metrics.get(metric)
        if measured is None or measured.value is None or measured.value <= 0:
            continue
        value = work.batch / measured.value if unit == "tok/s" else measured.value
        found.append(
            Observation(
                f"{bundle.path.name}/{record.id}",
                situation,
                figure,
                value,
                measured.value,
                unit,
                str(bundle.path),
                f"{measured.grade} (own run)",
                own_bundle=True,
            )
        )  # fmt: skip
    return found


def _device(bundle: Bundle, record: TargetRecord, number_format: Format) -> Device:
    from profiler.chips import load_chips

    part = processor_of(record, bundle.host)
    named = part.details.get("chip") or {} if part else {}
    known = {chip.id: chip for chip in load_chips().chips}
    chip = known.get(named.get("id", "")) if named.get("status") == "exact" else None
    name = part.name if part else "unknown processor"
    device = (
        Device("", name, (part.vendor if part else None) or "unknown", None, None, None)
        if chip is None
        else Device.of(chip, number_format)
    )
    ceilings = bundle.ceilings_of(record)
    arithmetic = record.worker.engine.arithmetic if record.worker else ""
    if ceilings is None or record.accelerator is not None or ceilings.read_bandwidth.value is None:
        return device
    peak = ceilings.gemm.get(arithmetic)
    return Device(
        device.chip_id, device.name, device.vendor, ceilings.read_bandwidth.value,
        peak.value if peak is not None and peak.value else device.peak_flops, device.memory_b, device.board_power_w,
    )  # fmt: skip
