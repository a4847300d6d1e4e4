"""The cores available to a run, who else uses them, and environment settings that change its threads."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from profiler.disturbance.host import DETECTORS, read_counters
from profiler.host.finding import Finding, Machine
from profiler.host.machine import physical_cores

LOOK_S = 1.0
QUOTA = "sys/fs/cgroup/cpu.max"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SPINNING = {"OMP_WAIT_POLICY": ("active",), "GOMP_SPINCOUNT": ("infinite", "infinity"), "KMP_BLOCKTIME": ("infinite",)}
"""Settings that make idle threads burn their core while they wait, case ignored."""


def check_load(machine: Machine) -> list[Finding]:
    """Compare what others use over a second with the thresholds that mark repetitions."""
    before, processes = read_counters(), _processes()
    time.sleep(LOOK_S)
    after = read_counters()
    limits = {detector.name: detector for detector in DETECTORS}
    findings = []
    for name, title in (("other_load", "other load"), ("cpu_steal", "CPU steal")):
        detector = limits[name]
        cores = max(0.0, detector.reading(before, after) or 0.0)
        found = f"{cores:.2f} cores"
        if cores <= detector.threshold:
            findings.append(Finding(title, "good", found))
            continue
        busiest = f" ({_busiest(processes)})" if name == "other_load" else ""
        limit = f", above the {detector.threshold:g} that mark a repetition"
        findings.append(Finding(title, "improve", f"{found}{limit}{busiest}", detector.remedy))
    return findings


def _processes() -> list[psutil.Process]:
    """Return all other processes, with their processor time noted for the next look."""
    others = []
    for process in psutil.process_iter():
        if process.pid != os.getpid():
            with contextlib.suppress(psutil.Error):
                process.cpu_percent()
                others.append(process)
    return others


def _busiest(processes: list[psutil.Process]) -> str:
    shares = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            shares.append((process.cpu_percent(), process.pid, process.name()))
    shown = [f"{pid} {name} {share:.0f} %" for share, pid, name in sorted(shares, reverse=True)[:3] if share >= 1]
    return ", ".join(shown) or "by processes not visible from here"


def check_cores(machine: Machine) -> list[Finding]:
    """Check that a container's quota and the affinity leave a core for every thread."""
    cores = physical_cores()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    findings = [Finding("cores", "good", f"{cores} physical cores for {cores} threads, {allowed} logical ones allowed")]
    quota, _, period = (machine.files.text(QUOTA) or "max 0").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period) and int(quota) / int(period) < cores:
        share = int(quota) / int(period)
        remedy = f"raise the container's limit, or use --threads {max(1, int(share))}"
        found = f"the container may use {share:g} of {cores} cores, and is throttled for the rest of each period"
        findings.append(Finding("CPU quota", "improve", found, remedy))
    return findings


def check_thread_settings(machine: Machine) -> list[Finding]:
    """Find variables that override ``--threads`` or make threads spin."""
    findings = []
    cores = physical_cores()
    for name in THREAD_VARIABLES:
        value = machine.environment.get(name)
        if value is not None and value != str(cores):
            found = f"{name}={value} is set, and overrides --threads (here: {cores})"
            findings.append(Finding("threads", "improve", found, f"unset {name}"))
    for name, bad in SPINNING.items():
        value = machine.environment.get(name)
        if value is not None and value.casefold() in bad:
            found = f"{name}={value}: waiting threads spin and occupy cores"
            findings.append(Finding("threads", "improve", found, f"unset {name}"))
    return findings or [Finding("threads", "good", "no variable overrides --threads or makes threads spin")]
