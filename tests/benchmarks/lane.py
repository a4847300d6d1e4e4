"""One contender in its own process, driven turn by turn; and one-off jobs in a process of their own."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backends.common.errors import ChipassayError, WorkerError
from backends.contract.workload import Workload
from backends.qwen.model import Model
from profiler.records.target import WorkerReport
from profiler.run.plan import Event, Plan
from profiler.run.supervisor import run_worker
from tests.benchmarks.contenders import Contender

T = TypeVar("T")
TIMEOUT_S = 1200.0


@dataclass(frozen=True, slots=True)
class Course:
    """What everyone runs, where logs go, and the number of the accelerator it runs on (empty: the processor)."""

    model: Model
    workload: Workload
    threads: int
    logs: Path
    device: str = ""

    def plan(self, contender: Contender, workload: Workload | None = None) -> Plan:
        """The plan of one job."""
        return Plan(
            task="measure",
            backend=contender.engine,
            device=self.device,
            precision=contender.precision,
            model=self.model,
            workload=workload or self.workload,
            threads=self.threads,
            budget_s=0.0,
        )

    def log(self, contender: Contender, job: str) -> Path:
        """Where a job's standard error goes."""
        return self.logs / f"{contender.id}.{job}.txt"


def run_job(
    course: Course,
    contender: Contender,
    job: str,
    kind: type[T],
    rounds: int = 0,
    *,
    workload: Workload | None = None,
    environment: tuple[str, ...] = (),
    on_event: Callable[[Event], None] = lambda _: None,
    on_pause: Callable[[], None] = lambda: None,
) -> T:
    """Run ``job`` of :mod:`tests.benchmarks.worker` to its end; ``environment`` is ``NAME=value`` for it alone."""
    prefix = ("/usr/bin/env", *environment) if environment else ()
    return run_worker(
        course.plan(contender, workload),
        kind,
        log=course.log(contender, job),
        timeout_s=TIMEOUT_S,
        on_event=on_event,
        on_pause=on_pause,
        command=(*prefix, sys.executable, "-m", "tests.benchmarks.worker", job, str(rounds)),
    )


class Lane:
    """A contender that has loaded and stands still until :meth:`turn`."""

    def __init__(self, course: Course, contender: Contender, rounds: int) -> None:
        self.contender = contender
        self._turns: queue.Queue[bool] = queue.Queue()
        self._stands: queue.Queue[Any] = queue.Queue()
        arguments = (course, contender, "race", WorkerReport, rounds)
        self._thread = threading.Thread(target=self._run, args=arguments, daemon=True)
        self._thread.start()
        self._stand()

    def turn(self) -> None:
        """One repetition: returns when it is done."""
        self._turns.put(True)
        self._stand()

    def finish(self) -> WorkerReport:
        """Let the process end, and take its report."""
        self._turns.put(True)
        report = self._stands.get()
        if isinstance(report, BaseException):
            raise report
        assert isinstance(report, WorkerReport)
        self._thread.join()
        return report

    def abandon(self) -> None:
        """End the process, whatever it is doing."""
        self._turns.put(False)
        self._thread.join(timeout=10)

    def _stand(self) -> None:
        """Wait until the contender stands still again; raise what ended it instead."""
        news = self._stands.get()
        if news is not None:
            raise news if isinstance(news, BaseException) else WorkerError("ended before its last round")

    def _run(self, course: Course, contender: Contender, job: str, kind: type[WorkerReport], rounds: int) -> None:
        try:
            self._stands.put(run_job(course, contender, job, kind, rounds, on_pause=self._pause))
        except (ChipassayError, _Abandoned) as error:
            self._stands.put(error)

    def _pause(self) -> None:
        self._stands.put(None)
        if not self._turns.get():
            raise _Abandoned


class _Abandoned(Exception):  # noqa: N818 - no error: the way out of a conversation that nobody needs any more
    """The parent has no more turns to give."""
