"""What can disturb a measurement on this machine, and what can be measured: checked before a run.

A check is a function in one of these modules and an entry in :data:`CHECKS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from profiler.devices.plugins import installed
from profiler.doctor.clocks import check_clocksource, check_governor, check_turbo
from profiler.doctor.cores import check_cores, check_load, check_thread_settings
from profiler.doctor.host_memory import check_huge_pages, check_memory, check_swap
from profiler.doctor.measurable import Measurable, measurable
from profiler.host.files import Files
from profiler.host.finding import Finding, Machine
from profiler.host.machine import physical_cores
from profiler.run.supervisor import worker_environment


def check_plugins(machine: Machine) -> list[Finding]:
    """Report device plug-ins that cannot be loaded."""
    remedy = "reinstall or remove the package that provides it"
    return [Finding(f"device plug-in {name}", "improve", why, remedy) for name, why in installed().broken.items()]


CHECKS: tuple[Callable[[Machine], list[Finding]], ...] = (
    check_governor,
    check_turbo,
    check_clocksource,
    check_load,
    check_cores,
    check_thread_settings,
    check_memory,
    check_swap,
    check_huge_pages,
    check_plugins,
)
"""Every check, in the order people read them."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings, and what can be measured."""

    checks: tuple[Finding, ...]
    measurable: tuple[Measurable, ...]

    @property
    def to_improve(self) -> tuple[Finding, ...]:
        """The findings that have a remedy."""
        return tuple(finding for finding in self.checks if finding.status == "improve")


def diagnose(files: Files | None = None, environment: Mapping[str, str] | None = None) -> Diagnosis:
    """Check this machine for about a second; change nothing, need no privilege."""
    machine = Machine(files or Files(), os.environ if environment is None else environment)
    checks = tuple(finding for check in (*CHECKS, *installed().checks) for finding in check(machine))
    return Diagnosis(checks, measurable(machine.files, worker_environment(physical_cores())))
