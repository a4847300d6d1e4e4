"""One ``profile``: plans every target, runs each in its own process, and writes the bundle as targets finish."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec

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
from profiler.energy.power_model import power_model
from profiler.inventory import take_inventory
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.metrics.modelled import modelled_metrics
from profiler.records.bundle import CPU, BundleWriter, ceilings_file, target_file
from profiler.records.codec import decode, encode
from profiler.records.index import BUNDLE_SCHEMA, BundleIndex, WorkloadRecord
from profiler.records.readings import TARGET, WALL, PowerModel, Reading
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
    WorkerReport,
)
from profiler.run.ceilings import CeilingProbe, NoProbe
from profiler.run.parity import scored_positions
from profiler.run.plan import Plan, Task
from profiler.run.progress import Progress
from profiler.run.request import Request, hindrance, reference_keeps_bytes
from profiler.run.supervisor import PROGRAM, WORKER, WorkerFailedError, run_worker, worker_environment
from profiler.sampling.attach import observed
from profiler.sampling.instruments import open_instruments
from profiler.sampling.watch import Watch

T = TypeVar("T")

REFERENCE_FORM = 2
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
    return _Session(request, out, progress, hindrances).run()


EXPORT_RATE, MAKING_RATE = 2e7, 1e8
"""Weights per second that a slow and busy machine still quantises and writes, and makes."""


def patience_s(plan: Plan) -> float:
    """Return the seconds that preparing a plan's model may take: all weights once, or for every token."""
    spec, tokens = plan.model.spec, plan.workload.output_tokens
    if plan.task == "prepare":
        return spec.language_parameters / EXPORT_RATE
    if plan.task == "reference":
        return (2 * spec.language_parameters + tokens * spec.active_parameters()) / MAKING_RATE
    return 0.0


class _Session:
    """The state of one run."""

    def __init__(
        self, request: Request, out: Path, progress: Progress, hindrances: dict[str, UnavailableError | None]
    ) -> None:
        self.request = request
        self.progress = progress
        self.hindrances = hindrances
        self.positions = scored_positions(request.workload.output_tokens, request.workload.batch)
        self.writer = BundleWriter(out, _index(request))
        self.running = [target for target in request.targets if not is_compiler(target.backend)]
        self.finished: list[TargetRecord] = []
        self.probes: dict[str, CeilingProbe | NoProbe] = {}

    def run(self) -> Outcome:
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
            for probe in self.probes.values():
                probe.close()
        path = self.writer.finish("interrupted" if interrupted else "complete")
        return Outcome(path, interrupted, tuple(self.finished))

    def _keep_after(self, error: BaseException) -> None:
        """Keep finished targets when something else than a target ended the run, such as a full disk."""
        kept = self.writer.folder
        with contextlib.suppress(StorageError):
            kept = self.writer.finish("interrupted")
        if isinstance(error, ChipassayError):
            error.args = (f"{error}; the finished targets are kept in {kept}",)

    def _run(self) -> None:
        self.writer.put("host.json", take_inventory(engines=False))
        reference = self._reference() if any(not self.hindrances[target.id] for target in self.running) else Path()
        for target in self.request.targets:
            record = self._target(target, reference)
            device = record.accelerator or CPU
            if device in self.probes:
                self.writer.put(ceilings_file(device), self.probes[device].ceilings())
            self.writer.put(target_file(target.id), record)
            self.finished.append(record)

    def _plan(self, task: Task, **changes: Any) -> Plan:
        base = Plan(
            task=task,
            backend="",
            device="",
            precision="float32",
            model=self.request.model,
            workload=self.request.workload,
            threads=self.request.threads,
            budget_s=self.request.budget_s,
            precision_wanted=self.request.precision_wanted,
            scored_positions=self.positions,
        )
        return dataclasses.replace(base, **changes)

    def _probe(self, device: str) -> CeilingProbe | NoProbe:
        """Return the probe of a device, started when its first target is about to be measured."""
        if device not in self.probes:
            targets = [target for target in self.running if _device(target) == device]
            if unmeasured := next(filter(None, map(_unmeasured, targets)), ""):
                self.probes[device] = NoProbe(self.request.threads, device, unmeasured)
                return self.probes[device]
            arithmetic = sorted({load_backend(target.backend).arithmetic(target.precision) for target in targets})
            environment = worker_environment(self.request.threads)
            self.probes[device] = CeilingProbe(self.request.threads, arithmetic, environment, device)
        return self.probes[device]

    def _work(
        self,
        plan: Plan,
        kind: type[T],
        log: str,
        on_pause: Callable[[], None] = lambda: None,
        on_edge: Callable[[], None] = lambda: None,
        elsewhere: WorkerCommand | None = None,
    ) -> T:
        path = self.writer.folder / "logs" / f"{log.replace(':', '_')}.txt"
        return run_worker(
            plan,
            kind,
            log=path,
            timeout_s=max(self.request.timeout_s, patience_s(plan)),
            on_event=self.progress.event,
            on_pause=on_pause,
            on_edge=on_edge,
            command=elsewhere.command if elsewhere else WORKER,
            variables=elsewhere.variables if elsewhere else {},
        )

    def _reference(self) -> Path:
        """Return a copy of the float32 reference in the bundle: from the user cache, or computed now and cached."""
        import numpy as np

        self.progress.begin("reference", "float32, computed once per model and workload")
        device = self.request.reference_device
        digests = f"{self.request.model.digest[:24]}-{self.request.workload.digest()[:24]}"
        key = f"{REFERENCE_FORM}-{digests}-{len(self.positions)}{'-' if device else ''}{device.partition(':')[0]}"

        def build(folder: Path) -> None:
            keeps = reference_keeps_bytes(self.request)
            path = str(folder / "reference.npz")
            plan = self._plan("reference", reference_path=path, device=device, keep_bytes=keeps)
            try:
                facts = self._work(plan, dict[str, str], "reference")
            except WorkerFailedError as error:
                raise WorkerFailedError(f"the float32 reference failed: {error}", error.stderr_tail) from error
            (folder / "said.json").write_bytes(encode(facts))

        logits_bytes = 4 * self.request.model.spec.vocab_size * len(self.positions) * self.request.workload.batch
        folder, was_cached = cached_folder("reference", key, build, 2 * logits_bytes)
        copy = self.writer.copy(folder / "reference.npz", "reference.npz")
        with np.load(copy) as arrays:
            tokens = tuple(tuple(row) for row in arrays["tokens"].tolist())
        facts = decode((folder / "said.json").read_bytes(), dict[str, str], folder / "said.json")
        record = ReferenceRecord(
            token_ids=tokens,
            positions=self.positions,
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
        """Run one target; every way it can go wrong becomes its outcome, and the others go on."""
        self.progress.begin(target.id, "starting")
        accelerator = load_backend(target.backend).accelerator(target.device)
        try:
            if (error := self.hindrances[target.id]) is not None:
                raise error
            outcome: AnyOutcome = (
                self._examine(target) if is_compiler(target.backend) else self._measure(target, reference)
            )
        except UnavailableError as error:
            outcome = Unavailable(str(error))
        except WorkerFailedError as error:
            outcome = Failed(Failure(str(error), stderr_tail=error.stderr_tail))
        except InputError as error:
            outcome = Failed(Failure(str(error)))
        except WorkerError as error:
            # The probe of the device's ceilings died; the next target on the device gets a fresh one.
            self.probes.pop(_device(target)).close()
            outcome = Failed(Failure(str(error)))
        self.progress.done(_summary(outcome))
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
            accelerator=accelerator,
            chip_id=asked_chip(target),
        )

    def _measure(self, target: Target, reference: Path) -> Measured:
        """Prepare and measure a target in worker processes, watched from here, and compute its figures."""
        common = {"backend": target.backend, "device": target.device, "precision": target.precision}
        preparation = self._work(self._plan("prepare", **common), dict[str, Any], f"{target.id}.prepare")
        backend, probe = load_backend(target.backend), self._probe(_device(target))
        accelerator = backend.accelerator(target.device)
        environment = worker_environment(self.request.threads)
        instruments = open_instruments(accelerator, environment, self.request.wall_meter)
        with closing(Watch(instruments)) as watch:
            if reason := instruments.channel(WALL).reason:
                self.progress.done(f"goes on without the wall meter: {reason}")
            if instruments.metered:
                # The probe is at rest, and on an accelerator holds a context, in the idle windows of every target.
                probe.sample()

            def pause() -> None:
                watch.edge()
                probe.sample()
                watch.edge()

            with watch.watching():
                plan = self._plan(
                    "measure", reference_path=str(reference), energy_window_s=watch.energy_window_s, **common
                )
                elsewhere = backend.worker(target.device, PROGRAM)
                worker = self._work(plan, WorkerReport, target.id, pause, watch.edge, elsewhere)
            self._check_weights(worker)
            measured = msgspec.structs.replace(observed(worker, watch, accelerator), preparation=preparation)
        if self.request.modelled_energy and not any(measured.reading(role).energy for role in (TARGET, WALL)):
            measured = _with_model(measured, accelerator)
        spec, prompt_tokens = self.request.model.spec, self.request.workload.prompt_tokens
        context = Context(spec, prompt_tokens, target.precision, probe.ceilings(), accelerator)
        return msgspec.structs.replace(measured, metrics=compute_metrics(measured, context))

    def _examine(self, target: Target) -> Examined:
        """Ask a vendor's tools about a chip that is not here: nothing is run, nothing is metered."""
        plan = self._plan("examine", backend=target.backend, device=target.device, precision=target.precision)
        report = self._work(plan, ExamineReport, target.id)
        return Examined(report, modelled_metrics(report.compiled, self.request.model.spec, self.request.workload))

    def _check_weights(self, worker: WorkerReport) -> None:
        """Synthetic weights are the same values everywhere; a checkpoint's may be rounded on the way to a precision."""
        own = worker.engine.weights_digest
        if own and self.request.model.weights_kind == "synthetic" and own != self.weights_digest:
            raise WorkerFailedError(
                f"its weights are not the reference's: their digest begins {own[:16]}, the reference's "
                f"{self.weights_digest[:16]}; the device, or its PyTorch, computes integers wrongly"
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


def _device(target: Target) -> str:
    """Return the device whose ceilings bound ``target``."""
    return load_backend(target.backend).accelerator(target.device) or CPU


def _unmeasured(target: Target) -> str:
    """Return why the ceilings of the device of ``target`` are not measured, or nothing."""
    return load_backend(target.backend).unmeasured_ceilings(target.device)


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
    return f"{speed}; {verdict} (top-1 {100 * parity.top1_agreement:.0f} %, KL {parity.kl_mean:.2g})"


def _index(request: Request) -> BundleIndex:
    spec, workload = request.model.spec, request.workload
    precisions: Sequence[str] = sorted({target.precision for target in request.targets})
    facts: dict[str, float] = {
        "parameters": spec.parameters,
        "non_embedding_parameters": spec.non_embedding_parameters,
        "decode_flops_per_token": spec.decode_flops(workload.total_tokens),
        "prefill_flops": spec.prefill_flops(workload.prompt_tokens),
    }
    for precision in precisions:
        facts[f"weight_bytes_{precision}"] = spec.weight_bytes(precision)
    return BundleIndex(
        schema=BUNDLE_SCHEMA,
        chipassay_version=version("chipassay"),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        state="running",
        command=request.command,
        model=request.model,
        model_facts=facts,
        workload=WorkloadRecord(
            name=workload.name,
            digest=workload.digest(),
            token_source=workload.token_source,
            batch=workload.batch,
            prompt_tokens=workload.prompt_tokens,
            output_tokens=workload.output_tokens,
            prompt_ids=workload.prompt_ids,
        ),
        target_ids=tuple(target.id for target in request.targets),
        files={},
    )
