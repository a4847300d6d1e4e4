"""One ``profile``: plans every target, runs each in its own process, and writes the bundle as targets finish."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backends.common.cache import cached_folder
from backends.common.errors import (
    ChipassayError,
    InputError,
    StorageError,
    UnavailableError,
    WorkerError,
)
from backends.contract.backend import WorkerCommand
from backends.contract.registry import Target, asked_chip, is_compiler, load_backend
from backends.qwen.routing import write_routing
from profiler.inventory import take_inventory
from profiler.metrics.modelled import modelled_metrics
from profiler.records.bundle import CPU, BundleWriter, ceilings_file, target_file
from profiler.records.codec import decode, encode
from profiler.records.reference import ReferenceRecord
from profiler.records.target import (
    RECORD_SCHEMA,
    AnyOutcome,
    Examined,
    ExamineReport,
    Failed,
    Failure,
    Measured,
    TargetRecord,
    Unavailable,
)
from profiler.run.index import index_of
from profiler.run.measuring import Measuring
from profiler.run.progress import Progress
from profiler.run.race import AnyLane, Race
from profiler.run.request import Request, hindrance, reference_keeps_bytes
from profiler.run.supervisor import WorkerFailedError
from profiler.run.together import segments_s, together
from profiler.run.workers import Workers

T = TypeVar("T")

REFERENCE_FORM = 3
"""Of what the cache keeps for a reference; one of another form is not found, and computed again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the bundle is, and how the targets fared."""

    path: Path
    interrupted: bool
    records: tuple[TargetRecord, ...]


def run_session(request: Request, out: Path, progress: Progress) -> Outcome:
    """Run all targets and write the bundle to ``out``.

    Raises before anything is written if no target can run. An interrupt keeps the finished targets; with none finished
    it leaves nothing behind.
    """
    hindrances = {target.id: hindrance(target, request) for target in request.targets}
    if all(hindrances.values()):
        raise next(error for error in hindrances.values() if error is not None)
    return Session(request, out, progress, hindrances).run()


class Session:
    """The state of one run."""

    def __init__(
        self,
        request: Request,
        out: Path,
        progress: Progress,
        hindrances: dict[str, UnavailableError | None],
        environment: WorkerCommand | None = None,
    ) -> None:
        self.request = request
        self.progress = progress
        self.hindrances = hindrances
        self.writer = BundleWriter(out, index_of(request))
        self.running = [target for target in request.targets if not is_compiler(target.backend)]
        self.finished: list[TargetRecord] = []
        self._keeping = threading.Lock()
        self.workers = Workers(request, self.writer.folder, progress, environment)
        self.measuring = Measuring(self.workers, self.running)

    def run(self) -> Outcome:
        """Run every target and finish the bundle; an interrupt keeps the finished targets."""
        interrupted = False
        try:
            self._run()
        except BaseException as error:
            if not any(record.metrics for record in self.finished):
                self.writer.discard()
                raise
            if not isinstance(error, KeyboardInterrupt):
                self._keep_after(error)
                raise
            interrupted = True
        finally:
            self.measuring.close()
        path = self.writer.finish("interrupted" if interrupted else "complete")
        return Outcome(path, interrupted, tuple(self.finished))

    def _keep_after(self, error: BaseException) -> None:
        """Keep finished targets when something else than a target ended the run, such as a full disk."""
        kept = self.writer.folder
        with contextlib.suppress(StorageError):
            kept = self.writer.finish("interrupted")
        if isinstance(error, ChipassayError):
            error.args = (f"{error}; the finished targets are kept in {kept}",)

    def begin(self) -> Path:
        """Write the inventory, and return the float32 reference's file if a target needs one."""
        self.writer.put("host.json", take_inventory(engines=False))
        needed = any(not self.hindrances[target.id] for target in self.running)
        return self._reference() if needed else Path()

    def _run(self) -> None:
        reference = self.begin()
        raced = self._race(reference)
        for target in self.request.targets:
            if target.id not in raced:
                self.keep(self._target(target, reference))
        order = [target.id for target in self.request.targets]
        self.finished.sort(key=lambda record: order.index(record.id))

    def keep(self, record: TargetRecord) -> None:
        """Write a finished target, and what was measured of its device so far; threads of a race call it too."""
        with self._keeping:
            self._keep(record)

    def _keep(self, record: TargetRecord) -> None:
        device = record.accelerator or CPU
        if (ceilings := self.measuring.ceilings(device)) is not None:
            self.writer.put(ceilings_file(device), ceilings)
        self.writer.put(target_file(record.id), record)
        self.finished.append(record)

    def _race(self, reference: Path) -> dict[str, TargetRecord]:
        """Measure the targets that fit this host together in turns; none if fewer than two do."""
        able = [target for target in self.running if not self.hindrances[target.id]]
        racers = [Racer(target.id, self, target, reference) for target in together(able, self.request)]
        return in_turns(racers, segments_s(self.request, len(racers)))

    def _reference(self) -> Path:
        """Return a copy of the float32 reference in the bundle: from the user cache, or computed now and cached."""
        import numpy as np

        self.progress.begin("reference", "float32, computed once per model and workload")
        device = self.request.reference_device
        digests = f"{self.request.model.digest[:24]}-{self.request.workload.digest()[:24]}"
        key = (
            f"{REFERENCE_FORM}-{digests}-{len(self.workers.positions)}{'-' if device else ''}{device.partition(':')[0]}"
        )

        def build(folder: Path) -> None:
            keeps = reference_keeps_bytes(self.request)
            path = str(folder / "reference.npz")
            plan = self.workers.plan("reference", reference_path=path, device=device, keep_bytes=keeps)
            try:
                facts = self.workers.run(plan, dict[str, str], "reference")
            except WorkerFailedError as error:
                raise WorkerFailedError(f"the float32 reference failed: {error}", error.stderr_tail) from error
            (folder / "said.json").write_bytes(encode(facts))

        logits_bytes = (
            4 * self.request.model.spec.vocab_size * len(self.workers.positions) * self.request.workload.batch
        )
        folder, was_cached = cached_folder("reference", key, build, 2 * logits_bytes)
        copy = self.writer.copy(folder / "reference.npz", "reference.npz")
        with np.load(copy) as arrays:
            tokens = tuple(tuple(row) for row in arrays["tokens"].tolist())
            if self.request.record_routing is not None:
                write_routing(self.request.record_routing, self.request.model.spec, arrays["routing"])
        facts = decode((folder / "said.json").read_bytes(), dict[str, str], folder / "said.json")
        record = ReferenceRecord(
            token_ids=tokens,
            positions=self.workers.positions,
            logits_file="reference.npz",
            sha256=self.writer.index.files["reference.npz"],
            engine=facts["engine"],
            cached=was_cached,
            weights_digest=facts["weights_digest"],
        )
        self.writer.put("reference.json", record)
        self.progress.done("taken from the cache" if was_cached else "computed")
        self.weights_digest = record.weights_digest
        return copy

    def _target(self, target: Target, reference: Path) -> TargetRecord:
        """Run one target alone."""

        def run(target: Target) -> AnyOutcome:
            if (error := self.hindrances[target.id]) is not None:
                raise error
            if is_compiler(target.backend):
                return self._examine(target)
            return self.measure(target, reference, self.measuring.prepare(target, reference))

        self.progress.begin(target.id, "starting")
        record = self.attempt(target, run)
        assert record is not None
        return record

    def measure(
        self, target: Target, reference: Path, preparation: dict[str, Any], lane: AnyLane | None = None
    ) -> Measured:  # fmt: skip
        """Measure a prepared target against the reference of this run."""
        return self.measuring.measure(target, preparation, reference, self.weights_digest, lane)

    def attempt(self, target: Target, run: Callable[[Target], AnyOutcome | None]) -> TargetRecord | None:
        """Return what came of ``run``; every way it can go wrong becomes its outcome, and the others go on."""
        try:
            outcome = run(target)
        except UnavailableError as error:
            outcome = Unavailable(str(error))
        except WorkerFailedError as error:
            outcome = Failed(Failure(str(error), stderr_tail=error.stderr_tail))
        except InputError as error:
            outcome = Failed(Failure(str(error)))
        except WorkerError as error:
            # The probe of the device's ceilings died.
            self.measuring.forget(target)
            outcome = Failed(Failure(str(error)))
        if outcome is None:
            return None
        self.progress.done(_summary(outcome), target.id)
        return TargetRecord(
            schema=RECORD_SCHEMA,
            id=target.id,
            backend=target.backend,
            device=target.device,
            precision=target.precision,
            threads=self.request.threads,
            model_digest=self.request.model.digest,
            workload_digest=self.request.workload.digest(),
            outcome=outcome,
            accelerator=load_backend(target.backend).accelerator(target.device),
            chip_id=asked_chip(target),
        )

    def _examine(self, target: Target) -> Examined:
        """Ask a vendor's tools about a chip that is not here: nothing is run, nothing is metered."""
        plan = self.workers.plan("examine", backend=target.backend, device=target.device, precision=target.precision)
        report = self.workers.run(plan, ExamineReport, target.id)
        return Examined(report, modelled_metrics(report.compiled, self.request.model.spec, self.request.workload))


@dataclass(frozen=True, slots=True)
class Racer:
    """One target in a race: ``name`` is unique in it, ``session`` keeps its record."""

    name: str
    session: Session
    target: Target
    reference: Path


def in_turns(racers: Sequence[Racer], seconds: float) -> dict[str, TargetRecord]:
    """Prepare all racers, then measure them in turns; return their records by name, kept by their sessions.

    One that cannot be prepared has its record; if fewer than two are left, those have none. Segments take ``seconds``.
    """
    prepared: dict[str, dict[str, Any]] = {}

    def prepare(racer: Racer) -> TargetRecord | None:
        def run(target: Target) -> None:
            racer.session.progress.begin(racer.name, "preparing")
            prepared[racer.name] = racer.session.measuring.prepare(target, racer.reference)

        return racer.session.attempt(racer.target, run)

    failed = {racer.name: record for racer in racers if (record := prepare(racer)) is not None}
    for racer in racers:
        if racer.name in failed:
            racer.session.keep(failed[racer.name])
    racers = [racer for racer in racers if racer.name in prepared]
    if len(racers) < 2:
        return failed
    racers[0].session.progress.begin("race", f"{', '.join(racer.name for racer in racers)} take turns")
    race = Race([racer.name for racer in racers], seconds)
    lanes = race.lanes()

    def run(racer: Racer) -> TargetRecord | None:
        lane, session = lanes[racer.name], racer.session
        try:
            record = session.attempt(
                racer.target, lambda it: session.measure(it, racer.reference, prepared[racer.name], lane)
            )
            if record is not None:
                session.keep(record)
            return record
        finally:
            lane.leave()

    with ThreadPoolExecutor(len(racers)) as threads:
        running = {racer.name: threads.submit(run, racer) for racer in racers}
        try:
            ended = {name: future.result() for name, future in running.items()}
        except BaseException:
            race.stop()
            for lane in lanes.values():
                lane.end()
            raise
    return failed | {name: record for name, record in ended.items() if record is not None}


def _summary(outcome: AnyOutcome) -> str:
    """Return the lasting line of a finished target."""
    if outcome.failure is not None and not outcome.metrics:
        return f"{outcome.status}: {outcome.failure.reason}"
    rate = outcome.metrics["decode_throughput"]
    speed = f"decode {rate.value:.2f} {rate.unit}" if rate.value is not None else "one token"
    if isinstance(outcome, Examined):
        speed = f"modelled, {speed}" if rate.value is not None else "compiled and simulated, no times"
    parity = outcome.parity
    if parity is None:
        return f"{speed}; nothing was computed"
    verdict = "parity passed" if parity.passed else "NOT COMPARABLE, parity failed"
    loss = f"top-1 {100 * parity.top1_agreement:.0f} %, KL {parity.kl_mean:.2g}"
    if parity.arithmetic is not None:
        return f"{speed}; {verdict} (arithmetic KL {parity.arithmetic.kl_mean:.2g}; quantisation loss: {loss})"
    return f"{speed}; {verdict} ({loss})"
