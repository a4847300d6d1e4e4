"""A ``profile --layers auto``: one session a depth, each a bundle inside the bundle, then the lines through them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from backends.common.errors import ChipassayError
from backends.contract.registry import Target, load_backend
from profiler.depth.choice import Depths, at_depth, choose_depths
from profiler.depth.figures import Extension, Sample
from profiler.metrics.catalogue import Context
from profiler.records.bundle import Bundle, BundleWriter, ceilings_file, read_bundle, target_file
from profiler.records.target import RECORD_SCHEMA, Depth, Extended, Failed, Failure, TargetRecord
from profiler.run.index import index_of
from profiler.run.progress import Progress
from profiler.run.request import Request
from profiler.run.session import Outcome, run_session

ENDED = "the run ended before it"


@dataclass
class _Sampled:
    """What came of each depth: its bundle, or why there is none."""

    bundles: dict[int, Bundle] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False


def depth_folder(layers: int) -> str:
    """Return where the bundle of a depth lies inside the bundle."""
    return f"depths/{layers}"


def run_sampled(request: Request, out: Path, progress: Progress) -> Outcome:
    """Measure some depths of the model of ``request``, extend them to all its layers, and write the bundle.

    Raises:
        ChipassayError: Before anything is loaded, if no depth can be measured here (see :func:`choose_depths`); or
            when a depth that the line needs gave nothing at all.
    """
    depths = choose_depths(request)
    writer = BundleWriter(out, index_of(request))
    try:
        found = _sample(request, depths, writer, progress)
        deepest = found.bundles[max(found.bundles)]
        writer.put("host.json", deepest.host)
        for device, ceilings in deepest.ceilings.items():
            writer.put(ceilings_file(device), ceilings)
        records = tuple(_record(target, request, depths, found) for target in request.targets)
        for record in records:
            writer.put(target_file(record.id), record)
            progress.done(_summary(record), record.id)
    except BaseException:
        writer.discard()
        raise
    path = writer.finish("interrupted" if found.interrupted else "complete")
    return Outcome(path, found.interrupted, records)


def _sample(request: Request, depths: Depths, writer: BundleWriter, progress: Progress) -> _Sampled:
    """Run a session a depth; an interrupt keeps the depths that are finished."""
    found = _Sampled()
    last: BaseException | None = None
    layers = request.model.spec.layers
    for depth in depths.all:
        found.failures[depth] = ENDED
        if found.interrupted:
            continue
        use = "the check" if depth == depths.check else "the line"
        progress.begin("depth", f"{depth} of {layers} layers")
        progress.done(f"{depth} of {layers} layers, for {use}", "depth")
        folder = writer.folder / depth_folder(depth)
        try:
            outcome = run_session(at_depth(request, depth), folder, progress)
        except (ChipassayError, KeyboardInterrupt) as error:
            found.interrupted = isinstance(error, KeyboardInterrupt)
            found.failures[depth] = ENDED if found.interrupted else str(error)
            progress.done(f"{depth} of {layers} layers: {found.failures[depth]}", "depth")
            if not found.interrupted and depth in depths.line:
                raise  # there is no line without it
            last = error
            continue
        found.interrupted = outcome.interrupted
        found.bundles[depth] = read_bundle(folder)
        writer.add(f"{depth_folder(depth)}/bundle.json")
    if not found.bundles and last is not None:
        raise last
    return found


def _record(target: Target, request: Request, depths: Depths, found: _Sampled) -> TargetRecord:
    """Return the record of one target at the whole depth."""
    records = {
        depth: record for depth, bundle in found.bundles.items() for record in bundle.targets if record.id == target.id
    }
    failures = {**found.failures, **{depth: _why(record) for depth, record in records.items()}}
    samples = {
        depth: Sample(depth, record.measured, _context(found.bundles[depth], record))
        for depth, record in records.items()
        if record.measured is not None
    }
    made: Extended | Failed
    if samples:
        extension = Extension(request.model.spec, request.workload, target.precision, depths, samples, failures)
        figures = extension.figures()
        measured = tuple(_depth(depth, depths, target, records.get(depth), failures[depth]) for depth in depths.all)
        made = Extended(request.model.spec.layers, measured, figures, extension.lines)
    else:
        made = Failed(Failure(f"no depth could be measured: {failures[depths.all[0]]}"))
    return TargetRecord(
        schema=RECORD_SCHEMA,
        id=target.id,
        backend=target.backend,
        device=target.device,
        precision=target.precision,
        threads=request.threads,
        model_digest=request.model.digest,
        workload_digest=request.workload.digest(),
        outcome=made,
        accelerator=load_backend(target.backend).accelerator(target.device),
    )


def _why(record: TargetRecord) -> str:
    return record.failure.reason if record.failure else ""


def _depth(layers: int, depths: Depths, target: Target, record: TargetRecord | None, failure: str) -> Depth:
    return Depth(
        layers=layers,
        use="check" if layers == depths.check else "line",
        figures=record.metrics if record else {},
        record=f"{depth_folder(layers)}/{target_file(target.id)}",
        parity=record.parity if record else None,
        failure=Failure(failure) if failure else None,
    )


def _context(bundle: Bundle, record: TargetRecord) -> Context:
    index = bundle.index
    ceilings = bundle.ceilings_of(record)
    return Context.of(index.model.spec, index.workload, record.precision, ceilings, record.accelerator)


def _summary(record: TargetRecord) -> str:
    """Return the lasting line of an extended target."""
    outcome = record.extended
    if outcome is None:
        return f"failed: {record.failure.reason}" if record.failure else "failed"
    rate = outcome.metrics["decode_throughput"]
    if rate.value is None:
        return f"not extended: {rate.method}"
    return f"extended to {outcome.layers} layers: decode {rate.value:.3g} {rate.unit} ({rate.method})"
