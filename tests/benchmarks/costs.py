"""What our own machinery costs: the measuring loop, the export, the load, the synthetic weights."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.cache import ROOT_VARIABLE, cache_root
from profiler.ceilings import CeilingProbe
from profiler.energy import SAMPLE_INTERVAL_S, open_meter
from profiler.meters import Meter, MeterProbe
from profiler.plan import Event
from profiler.quantity import Quantity
from profiler.statistics import median, median_ci95
from profiler.supervisor import worker_environment
from profiler.workloads import make_workload
from tests.benchmarks.contenders import Contender
from tests.benchmarks.lane import Course, run_job
from tests.benchmarks.race import ARITHMETIC, Say
from tests.benchmarks.score import paired

SUBJECT = Contender("onnx-cpu", "float32")
PROMPT_TOKENS, OUTPUT_TOKENS = 8, 16
"""Short repetitions, so that what happens between them weighs as much as it can."""

LOADS = 3


class StandIn(Meter):
    """Where no energy meter can be read: a file of the kernel, so that sampling costs what it would."""

    name = "stand-in"
    scope = "nothing"

    @classmethod
    def probe(cls) -> MeterProbe:
        """Always there on Linux."""
        return MeterProbe(True)

    def read_j(self) -> float:
        """A number out of a file."""
        return float(Path("/proc/uptime").read_text().split()[0])

    @property
    def max_interval_s(self) -> float:
        """It never wraps."""
        return SAMPLE_INTERVAL_S


def measuring_cost(course: Course, rounds: int, say: Say) -> Quantity:
    """Share of throughput that measuring takes: decode rate under the whole loop against a bare one, interleaved.

    The whole loop counts spoilers, reports progress, pauses for the probe of the machine and is sampled by a meter.
    """
    say(f"cost of measuring: {rounds} blocks with and without")
    workload = make_workload("smoke", course.model, PROMPT_TOKENS, OUTPUT_TOKENS)
    probe = CeilingProbe(course.threads, ARITHMETIC, worker_environment(course.threads))
    measuring = threading.Event()

    def follow(event: Event) -> None:
        if event.stage == "measuring":
            measuring.set()
        elif event.stage == "bare":
            measuring.clear()

    try:
        with _sampling(measuring):
            blocks = run_job(
                course,
                SUBJECT,
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
    return Quantity(1 - speeds.value, "1", "derived", "1 - measured / bare, paired by block", speeds.n, interval)


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


@contextmanager
def _sampling(active: threading.Event) -> Iterator[None]:
    """Read a meter as often as a run would, while ``active`` is set."""
    meter = open_meter()[0] or StandIn()
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(min(SAMPLE_INTERVAL_S, meter.max_interval_s)):
            if active.is_set():
                meter.read_j()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
