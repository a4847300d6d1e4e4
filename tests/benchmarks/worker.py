"""The benchmark's worker: ``python -m tests.benchmarks.worker JOB [ROUNDS]``, in the product worker's own protocol.

A plan comes in on standard input, with the contender as ``backend`` and ``precision``. Only the jobs are new here:
pipes, pauses and errors are those of :mod:`profiler.run.worker`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.contract.backend import Backend, EngineFacts, Execution
from profiler.disturbance.host import read_counters, spoilers_between
from profiler.host.memory import read_memory
from profiler.records.parity import ParityScore
from profiler.records.target import Repetition, WorkerReport, decode_rate
from profiler.run import worker
from profiler.run.plan import Event, Plan
from profiler.run.repetition import WARMUP_TOKENS, measure
from tests.benchmarks.contenders import Contender

UNSCORED = ParityScore(0, 0.0, 0.0, 0.0, False, {}, (), (), (), 0)
"""Peers give no logits to score; the benchmark compares generated tokens instead."""

WARMUPS = 3
REPETITIONS_A_BLOCK = 3
"""Repetitions that :func:`profiler.run.repetition.measure` makes when its budget is over before it begins."""


def race(plan: Plan, channel: worker.Channel) -> WorkerReport:
    """Load, warm up, then one repetition for every turn that the parent gives."""
    backend, engine, load_s = _loaded(plan, channel)
    prompt = np.asarray(plan.workload.prompt_ids, dtype=np.int64)
    for _ in range(WARMUPS):
        backend.generate(prompt, min(WARMUP_TOKENS, plan.workload.output_tokens))
    repetitions = []
    for _ in range(int(sys.argv[2])):
        channel.pause()
        repetitions.append(_repeat(backend, prompt, plan.workload.output_tokens))
    # One more turn: a process that ends frees its memory, and must not do so beside another's repetition.
    channel.pause()
    return WorkerReport(
        engine=engine,
        pid=os.getpid(),
        load_s=load_s,
        repetitions=tuple(repetitions),
        warmup_steady=True,
        stop_reason="all rounds were run",
        parity=UNSCORED,
        memory=read_memory(),
        packages={},
        environment={},
    )


def overhead(plan: Plan, channel: worker.Channel) -> dict[str, list[list[float]]]:
    """Decode rates under the whole measuring loop and in a bare one, block by block; which comes first alternates."""
    backend, _, _ = _loaded(plan, channel)
    prompt = np.asarray(plan.workload.prompt_ids, dtype=np.int64)

    def measured() -> list[float]:
        channel.send(Event("measuring"))
        done = measure(backend, plan.workload, 0.0, plan.precision_wanted, channel.send, channel.pause)
        return [decode_rate(r) or 0.0 for r in done.repetitions if not r.warmup]

    def bare() -> list[float]:
        channel.send(Event("bare"))
        backend.generate(prompt, plan.workload.output_tokens)
        rates = []
        for _ in range(REPETITIONS_A_BLOCK):
            times = backend.generate(prompt, plan.workload.output_tokens).token_ns
            rates.append((len(times) - 1) / (times[-1] - times[0]) * 1e9)
        return rates

    blocks: dict[str, list[list[float]]] = {"measured": [], "bare": []}
    for number in range(int(sys.argv[2])):
        order: list[tuple[str, Callable[[], list[float]]]] = [("measured", measured), ("bare", bare)]
        for name, run in order if number % 2 else reversed(order):
            blocks[name].append(run())
    return blocks


def load(plan: Plan, channel: worker.Channel) -> dict[str, float]:
    """Seconds of ``load`` alone, in a fresh process."""
    return {"seconds": _loaded(plan, channel)[2]}


def weights(plan: Plan, channel: worker.Channel) -> dict[str, float]:
    """Seconds to make the synthetic weights, the interpreter's imports left out."""
    import torch

    from backends.qwen.torch_model import build_qwen

    torch.set_num_threads(plan.threads)
    began = time.perf_counter()
    build_qwen(plan.model, plan.precision, lambda text: channel.send(Event("weights", text)))
    return {"seconds": time.perf_counter() - began}


def prepare(plan: Plan, channel: worker.Channel) -> dict[str, Any]:
    """Whatever the contender must convert before it can load."""
    return _class(plan).prepare(_execution(plan), lambda text: channel.send(Event("prepare", text)))


def _class(plan: Plan) -> type[Backend]:
    return Contender(plan.backend, plan.precision).load_class()


def _loaded(plan: Plan, channel: worker.Channel) -> tuple[Backend, EngineFacts, float]:
    backend = _class(plan)()
    began = time.perf_counter()
    engine = backend.load(_execution(plan), lambda text: channel.send(Event("load", text)))
    return backend, engine, time.perf_counter() - began


def _execution(plan: Plan) -> Execution:
    return Execution(
        plan.model, plan.precision, plan.threads, plan.workload.batch, plan.workload.total_tokens, plan.device
    )


def _repeat(backend: Backend, prompt: np.ndarray, output_tokens: int) -> Repetition:
    before = read_counters()
    run = backend.generate(prompt, output_tokens)
    offsets = tuple(at - run.start_ns for at in run.token_ns)
    return Repetition(run.start_ns, offsets, run.token_ids, False, spoilers_between(before, read_counters()))


JOBS: dict[str, Callable[[Plan, worker.Channel], Any]] = {
    "race": race,
    "overhead": overhead,
    "load": load,
    "weights": weights,
    "prepare": prepare,
}

if __name__ == "__main__":
    worker.TASKS["measure"] = JOBS[sys.argv[1]]
    sys.exit(worker.main())
