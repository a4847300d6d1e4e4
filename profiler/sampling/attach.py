"""What the parent saw while a worker ran, added to its record, if it looked at the device that was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from profiler.devices.identity import same_device
from profiler.disturbance.device import mark_repetitions
from profiler.energy.per_token import window_edges
from profiler.records.target import TargetRecord, WorkerReport
from profiler.sampling.watch import Watch

UNCONFIRMED = "by its number alone: the engine did not say which device it used"


def add_observed(record: TargetRecord, worker: WorkerReport, watch: Watch) -> TargetRecord:
    """``record`` with the worker's report, its repetitions marked, and the readings of ``watch``.

    Where the engine names another device than the one that was read, the readings are dropped and the reason stands in
    their place.
    """
    instruments = watch.instruments
    opened = [seen.device for seen in (instruments.meter, instruments.monitor) if seen is not None]
    why = next(filter(None, (_mismatch(record.accelerator, seen, worker.engine.device) for seen in opened)), "")
    edges = window_edges(worker)
    unconfirmed = [same_device(seen, worker.engine.device) is None for seen in opened]
    worker = replace(worker, engine=replace(worker.engine, device=_public(worker.engine.device)))
    record = replace(
        record,
        host_energy=watch.host_reading(edges),
        wall_energy=watch.wall_reading(edges),
        wall_reason=instruments.wall_reason,
        sampler=watch.cost(),
    )
    if why:
        return replace(record, worker=worker, energy_reason=why, telemetry_reason=why)
    energy, telemetry = watch.reading(edges), watch.telemetry()
    if energy is not None and energy.device:
        note = {"identified": UNCONFIRMED} if any(unconfirmed) else {}
        energy = replace(energy, device=_public(energy.device) | note)
    if telemetry is not None:
        telemetry = replace(telemetry, device=_public(telemetry.device))
    marked = mark_repetitions(worker.repetitions, watch.states(), watch.idle_windows)
    return replace(
        record,
        worker=replace(worker, repetitions=marked),
        energy=energy,
        energy_reason=instruments.meter_reason,
        second_energy=watch.second_reading(edges),
        telemetry=telemetry,
        telemetry_reason=instruments.monitor_reason,
    )


def _mismatch(accelerator: str | None, seen: Mapping[str, str], engine: Mapping[str, str]) -> str:
    """Why readings of the device ``seen`` are not those of the engine's; empty if they may be."""
    if not seen or same_device(seen, engine) is not False:
        return ""
    return (
        f"board_mismatch: the engine ran on {_named(engine)}, and the board read for {accelerator} is {_named(seen)}; "
        "set CUDA_DEVICE_ORDER=PCI_BUS_ID"
    )


def _public(device: Mapping[str, str]) -> dict[str, str]:
    """A device's identity as it may leave the machine: UUIDs are serial numbers (see :mod:`profiler.inventory`)."""
    return {key: value for key, value in device.items() if key != "uuid"}


def _named(device: Mapping[str, str]) -> str:
    return device.get("pci_address") or device.get("name") or "another device"
