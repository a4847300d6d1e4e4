"""Joins what the parent saw to a worker's report, if it looked at the device that the engine used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from profiler.devices.identity import same_device
from profiler.disturbance.device import mark_repetitions
from profiler.energy.per_token import window_edges
from profiler.records.readings import SECOND, TARGET, Reading
from profiler.records.target import Measured, WorkerReport
from profiler.sampling.watch import Watch

UNCONFIRMED = "by its number alone: the engine did not say which device it used"


def observed(worker: WorkerReport, watch: Watch, accelerator: str | None) -> Measured:
    """Return the worker's report with its repetitions marked, and the readings of ``watch``; no figures yet.

    Where the engine names another device than the one that was read, that device's readings are dropped and the reason
    stands in their place.
    """
    instruments, engine = watch.instruments, worker.engine
    own = instruments.channel(TARGET).stream
    opened = [seen.device for seen in (own, instruments.monitor) if seen is not None]
    why = next(filter(None, (_mismatch(accelerator, seen, engine.device) for seen in opened)), "")
    identified = all(same_device(seen, engine.device) is not None for seen in opened)
    readings = tuple(
        _attributed(reading, why, identified) if reading.role in (TARGET, SECOND) else reading
        for reading in watch.readings(window_edges(worker))
    )
    worker = replace(worker, engine=replace(engine, device=_public(engine.device)))
    if why:
        return Measured(worker, readings=readings, telemetry_reason=why, sampler=watch.cost())
    telemetry = watch.telemetry()
    if telemetry is not None:
        telemetry = replace(telemetry, device=_public(telemetry.device))
    marked = mark_repetitions(worker.repetitions, watch.states(), watch.idle_windows)
    return Measured(
        replace(worker, repetitions=marked),
        readings=readings,
        telemetry=telemetry,
        telemetry_reason=instruments.monitor_reason,
        sampler=watch.cost(),
    )


def _attributed(reading: Reading, why: str, identified: bool) -> Reading:
    """Return a reading of the device that executes, as far as it is the engine's and may leave the machine."""
    if why:
        return Reading(reading.role, reason=why)
    if reading.energy is None or not reading.energy.device:
        return reading
    note = {} if identified else {"identified": UNCONFIRMED}
    return replace(reading, energy=replace(reading.energy, device=_public(reading.energy.device) | note))


def _mismatch(accelerator: str | None, seen: Mapping[str, str], engine: Mapping[str, str]) -> str:
    """Return why readings of the device ``seen`` are not those of the engine's; empty if they may be."""
    if not seen or same_device(seen, engine) is not False:
        return ""
    return (
        f"board_mismatch: the engine ran on {_named(engine)}, and the board read for {accelerator} is {_named(seen)}; "
        "set CUDA_DEVICE_ORDER=PCI_BUS_ID"
    )


def _public(device: Mapping[str, str]) -> dict[str, str]:
    """Return a device's identity without its UUID: a serial number does not leave the machine."""
    return {key: value for key, value in device.items() if key != "uuid"}


def _named(device: Mapping[str, str]) -> str:
    return device.get("pci_address") or device.get("name") or "another device"
