"""What our own machinery costs: the measuring loop, the export, the load, the synthetic weights."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from backends.common.cache import ROOT_VARIABLE, cache_root
from profiler.ceilings.probe import CeilingProbe
from profiler.models.workloads import make_workload
from profiler.records.bundle import CPU
from profiler.records.quantity import Quantity
from profiler.records.readings import TARGET
from profiler.run.plan import Event
from profiler.run.supervisor import worker_environment
from profiler.sampling.instruments import Instruments, metered, open_instruments
from profiler.sampling.watch import Watch
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median
from tests.benchmarks.contenders import Contender
from tests.benchmarks.lane import Course, run_job
from tests.benchmarks.race import ARITHMETIC, Say
from tests.benchmarks.score import paired
from tests.profiler.devices.stand_in import StandIn

SUBJECT = Contender("onnx-cpu", "float32")
PROMPT_TOKENS, OUTPUT_TOKENS = 8, 16
"""Short repetitions, so that what happens between them weighs as much as it can."""

LOADS = 3


def measuring_cost(
    course: Course, rounds: int, say: Say, subject: Contender = SUBJECT, output_tokens: int = OUTPUT_TOKENS
) -> Quantity:
    """Share of throughput that measuring takes: decode rate under the whole loop against a bare one, interleaved.

    The whole loop counts spoilers, reports progress, pauses for the probe of the machine and is sampled by a meter.
    """
    say(f"cost of measuring: {rounds} blocks with and without")
    workload = make_workload("smoke", course.model, PROMPT_TOKENS, output_tokens)
    accelerator = subject.load_class().accelerator(course.device)
    probe = CeilingProbe(course.threads, ARITHMETIC, worker_environment(course.threads), accelerator or CPU)
    sampling = ExitStack()
    watches: list[Watch] = []

    def follow(event: Event) -> None:
        if event.stage in ("measuring", "bare"):
            sampling.close()
        if event.stage == "measuring":
            watches.append(_watch(accelerator, course.threads))
            sampling.enter_context(watches[-1].sampling())

    try:
        with sampling:
            blocks = run_job(
                course,
                subject,
                "overhead",
                dict[str, list[list[float]]],
                rounds,
                workload=workload,
                on_event=follow,
                on_pause=probe.sample,
            )
    finally:
        probe.close()
    speeds = paired(
        [median(block) for block in blocks["measured"]], [median(block) for block in blocks["bare"]], "paired blocks"
    )
    assert speeds.value is not None
    interval = (1 - speeds.ci95[1], 1 - speeds.ci95[0]) if speeds.ci95 else None
    method = f"1 - measured / bare, paired by block; the sampler took {100 * sampler_share(watches):.2f} % of one core"
    return Quantity(1 - speeds.value, "1", "derived", method, speeds.n, interval)


def sampler_share(watches: Sequence[Watch]) -> float:
    """Processor seconds of the sampling threads for each second they ran."""
    costs = [cost for watch in watches if (cost := watch.cost()) is not None]
    return sum(cost.cpu_s for cost in costs) / sum(cost.wall_s for cost in costs)


def startup_times(course: Course, say: Say) -> dict[str, Quantity]:
    """Seconds of a cold export, of loading a cached one, and of making the synthetic weights."""
    say("synthetic weights")
    weights = [run_job(course, SUBJECT, "weights", dict[str, float])["seconds"] for _ in range(LOADS)]
    say("cold export")
    run_job(course, SUBJECT, "prepare", dict)
    found = {"synthetic weights": _seconds(weights, "build_qwen in a fresh process")}
    scratch = Path(tempfile.mkdtemp(prefix="bench-export.", dir=cache_root()))
    try:
        began = time.perf_counter()
        run_job(course, SUBJECT, "prepare", dict, environment=(f"{ROOT_VARIABLE}={scratch}",))
        found["cold export"] = _seconds([time.perf_counter() - began], "whole process, weights included")
    finally:
        shutil.rmtree(scratch)
    say("cached load")
    loads = [run_job(course, SUBJECT, "load", dict[str, float])["seconds"] for _ in range(LOADS)]
    found["cached load"] = _seconds(loads, "load() in a fresh process, files in the page cache")
    return found


def _seconds(samples: list[float], method: str) -> Quantity:
    return Quantity(median(samples), "s", "measured", method, len(samples), median_ci95(samples))


def _watch(accelerator: str | None, threads: int) -> Watch:
    """The watch of a run there; where there is no meter, a stand-in that reads a file as one would."""
    found = open_instruments(accelerator, worker_environment(threads))
    return Watch(found if found.channel(TARGET).stream else Instruments((metered(TARGET, StandIn()),)))
