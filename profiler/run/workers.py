"""The worker processes of one run: every task is a plan for a fresh process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from backends.contract.backend import WorkerCommand
from profiler.run.parity import scored_positions
from profiler.run.plan import Plan, Task
from profiler.run.progress import Progress
from profiler.run.race import AnyLane
from profiler.run.request import Request
from profiler.run.supervisor import WORKER, run_worker

T = TypeVar("T")


EXPORT_RATE, MAKING_RATE = 2e7, 1e8
"""Weights per second that a slow and busy machine still quantises and writes, and makes."""


def patience_s(plan: Plan) -> float:
    """Return the seconds that preparing a plan's model may take: all weights once, or for every token."""
    spec, tokens = plan.model.spec, plan.workload.output_tokens
    if plan.task == "prepare":
        return spec.language_parameters / EXPORT_RATE
    if plan.task in ("reference", "held"):
        return (2 * spec.language_parameters + tokens * spec.active_parameters()) / MAKING_RATE
    return 0.0


class Workers:
    """Makes plans from the request, and runs them; ``folder`` is the bundle's.

    Targets run in the Python ``environment``, if one is given; the reference is computed in this one.
    """

    def __init__(
        self, request: Request, folder: Path, progress: Progress, environment: WorkerCommand | None = None
    ) -> None:
        self.environment = environment
        self.request = request
        self.folder = folder
        self.progress = progress
        self.positions = scored_positions(request.workload.output_tokens, request.workload.batch)

    def plan(self, task: Task, **changes: Any) -> Plan:
        """Return the plan of a task of this run."""
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

    def run(
        self,
        plan: Plan,
        kind: type[T],
        log: str,
        subject: str = "",
        on_pause: Callable[[], None] = lambda: None,
        on_edge: Callable[[], None] = lambda: None,
        elsewhere: WorkerCommand | None = None,
        lane: AnyLane | None = None,
    ) -> T:
        """Run one task in a worker process and return its result; its standard error goes to ``log`` of the bundle."""
        if plan.task != "reference":
            elsewhere = elsewhere or self.environment
        path = self.folder / "logs" / f"{log.replace(':', '_')}.txt"
        return run_worker(
            plan,
            kind,
            log=path,
            timeout_s=max(self.request.timeout_s, patience_s(plan)),
            on_event=lambda event: self.progress.event(event, subject),
            on_pause=on_pause,
            on_edge=on_edge,
            command=elsewhere.command if elsewhere else WORKER,
            variables=elsewhere.variables if elsewhere else {},
            lane=lane,
        )
