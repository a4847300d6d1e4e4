"""Measures one target: prepares it, watches its worker, samples the ceilings beside it, and computes its figures."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from backends.contract.registry import Target, load_backend
from profiler.ceilings.candidate import shape_like
from profiler.ceilings.probe import CeilingProbe, NoProbe
from profiler.energy.power_model import power_model
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.records.bundle import CPU
from profiler.records.ceilings import Ceilings
from profiler.records.readings import TARGET, WALL, PowerModel, Reading
from profiler.records.target import Measured, WorkerReport
from profiler.run.held import held_reference
from profiler.run.plan import HELD, Event
from profiler.run.race import AnyLane, Lane, NoRace
from profiler.run.supervisor import PROGRAM, WorkerFailedError, worker_environment
from profiler.run.together import REPETITIONS_SHARE
from profiler.run.workers import Workers
from profiler.sampling.attach import observed
from profiler.sampling.instruments import open_instruments
from profiler.sampling.watch import Watch


class Measuring:
    """The probes of every device, and the way to measure the ``running`` targets beside them."""

    def __init__(self, workers: Workers, running: list[Target]) -> None:
        self.workers = workers
        self.request, self.progress = workers.request, workers.progress
        self.running = running
        self.probes: dict[str, CeilingProbe | NoProbe] = {}
        self.held: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """End every probe."""
        for probe in self.probes.values():
            probe.close()

    def ceilings(self, device: str) -> Ceilings | None:
        """Return what was measured of ``device`` so far; None if nothing ran on it."""
        return self.probes[device].ceilings() if device in self.probes else None

    def forget(self, target: Target) -> None:
        """Close the probe of a device that died; the next target on the device gets a fresh one."""
        if (probe := self.probes.pop(device_of(target), None)) is not None:
            probe.close()

    def probe(self, device: str) -> CeilingProbe | NoProbe:
        """Return the probe of a device, started when its first target is about to be measured."""
        if device not in self.probes:
            targets = [target for target in self.running if device_of(target) == device]
            if unmeasured := next(filter(None, map(_unmeasured, targets)), ""):
                self.probes[device] = NoProbe(self.request.threads, device, unmeasured)
                return self.probes[device]
            arithmetic = sorted({load_backend(target.backend).arithmetic(target.precision) for target in targets})
            environment = worker_environment(self.request.threads)
            spec = self.request.model.spec
            shape = shape_like(spec.hidden_size, spec.channel_width)
            self.probes[device] = CeilingProbe(self.request.threads, arithmetic, environment, device, shape)
            self.progress.event(Event("ceilings", "choosing the fastest library for each arithmetic"))
            self.probes[device].choose()
        return self.probes[device]

    def prepare(self, target: Target, reference: Path) -> dict[str, Any]:
        """Export or compile what the target needs, and compute the second reference that its parity needs.

        Each runs in a separate process.
        """
        plan = self.workers.plan("prepare", **_common(target))
        preparation = self.workers.run(plan, dict[str, Any], f"{target.id}.prepare", target.id)
        if key := preparation.get(HELD):
            self.held[target.id] = held_reference(self.workers, target, key, reference)
        return preparation

    def measure(
        self, target: Target, preparation: dict[str, Any], reference: Path, weights_digest: str,
        lane: AnyLane | None = None,
    ) -> Measured:  # fmt: skip
        """Measure a prepared target, watched from here; in a race it runs where its ``lane`` lets it.

        Raises:
            WorkerFailedError: The worker gave no result, or computed with other weights than the reference.
        """
        lane = lane or NoRace()
        lane.begin()
        backend, probe = load_backend(target.backend), self.probe(device_of(target))
        accelerator = backend.accelerator(target.device)
        environment = worker_environment(self.request.threads)
        instruments = open_instruments(accelerator, environment, self.request.wall_meter)
        with closing(Watch(instruments)) as watch:
            if reason := instruments.channel(WALL).reason:
                self.progress.done(f"goes on without the wall meter: {reason}", target.id)
            if instruments.metered:
                # The probe is at rest, and on an accelerator holds a context, in the idle windows of every target.
                probe.sample()

            def pause() -> None:
                watch.edge()
                self.probe(device_of(target)).sample()
                watch.edge()

            racing = isinstance(lane, Lane)
            with watch.watching():
                plan = self.workers.plan(
                    "measure", reference_path=str(reference), energy_window_s=watch.energy_window_s, race=racing,
                    budget_s=self.request.budget_s * (REPETITIONS_SHARE if racing else 1), **_common(target),
                    **self.held.get(target.id, {}),
                )  # fmt: skip
                elsewhere = backend.worker(target.device, PROGRAM)
                worker = self.workers.run(plan, WorkerReport, target.id, target.id, pause, watch.edge, elsewhere, lane)
            self._check_weights(worker, weights_digest)
            measured = msgspec.structs.replace(observed(worker, watch, accelerator), preparation=preparation)
        if self.request.modelled_energy and not any(measured.reading(role).energy for role in (TARGET, WALL)):
            measured = _with_model(measured, accelerator)
        spec, work = self.request.model.spec, self.request.workload
        context = Context.of(spec, work, target.precision, self.probe(device_of(target)).ceilings(), accelerator)
        return msgspec.structs.replace(measured, metrics=compute_metrics(measured, context))

    def _check_weights(self, worker: WorkerReport, expected: str) -> None:
        """Synthetic weights are the same values everywhere; a checkpoint's may be rounded on the way to a precision."""
        own = worker.engine.weights_digest
        if own and self.request.model.weights_kind == "synthetic" and own != expected:
            raise WorkerFailedError(
                f"its weights are not the reference's: their digest begins {own[:16]}, the reference's "
                f"{expected[:16]}; the device, or its PyTorch, computes integers wrongly"
            )


def _with_model(measured: Measured, accelerator: str | None) -> Measured:
    """Return ``measured`` with the power model of its hardware, or with the reason why it has none."""
    worker = measured.worker
    components = worker.inventory.components if worker.inventory else ()
    model = power_model(components, accelerator, worker.engine.device)
    if isinstance(model, PowerModel):
        return msgspec.structs.replace(measured, power_model=model)
    unmetered = Reading(TARGET, reason=f"{measured.reading(TARGET).reason}; and no model: {model}")
    others = [reading for reading in measured.readings if reading.role != TARGET]
    return msgspec.structs.replace(measured, readings=(unmetered, *others))


def device_of(target: Target) -> str:
    """Return the device whose ceilings bound ``target``."""
    return load_backend(target.backend).accelerator(target.device) or CPU


def _common(target: Target) -> dict[str, str]:
    return {"backend": target.backend, "device": target.device, "precision": target.precision}


def _unmeasured(target: Target) -> str:
    """Return why the ceilings of the device of ``target`` are not measured, or nothing."""
    return load_backend(target.backend).unmeasured_ceilings(target.device)
