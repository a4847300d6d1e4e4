"""Whether the processor's clock stays constant during a run, and whether reading the time is cheap.

Files as in Linux: Documentation/admin-guide/pm/cpufreq.rst, intel_pstate.rst.
"""

from __future__ import annotations

from collections import Counter

from profiler.host.finding import Finding, Machine

CPU = "sys/devices/system/cpu"
CLOCKSOURCE = "sys/devices/system/clocksource/clocksource0/current_clocksource"
QUICK_SOURCES = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "xen")


def check_governor(machine: Machine) -> list[Finding]:
    """Check the governors: all but ``performance`` change the clock with the load."""
    files = machine.files
    governors = Counter(
        text
        for core in files.names(CPU, "cpu[0-9]*")
        if (text := files.text(f"{CPU}/{core}/cpufreq/scaling_governor")) is not None
    )
    if not governors:
        why = "no cpufreq (usual in virtual machines): the hypervisor sets the clock; drift is invisible here"
        return [Finding("frequency governor", "unknown", why)]
    if set(governors) == {"performance"}:
        return [Finding("frequency governor", "good", f"performance on all {governors.total()} cores")]
    named = ", ".join(f"{name} on {count}" for name, count in governors.most_common())
    remedy = "sudo cpupower frequency-set -g performance"
    return [Finding("frequency governor", "improve", f"{named} of {governors.total()} cores", remedy)]


def check_turbo(machine: Machine) -> list[Finding]:
    """Check turbo, which makes speed depend on temperature and on the load of other cores."""
    no_turbo = machine.files.number(f"{CPU}/intel_pstate/no_turbo")
    boost = machine.files.number(f"{CPU}/cpufreq/boost")
    if no_turbo is None and boost is None:
        return [Finding("turbo", "unknown", "turbo state unknown: the kernel does not expose it")]
    if no_turbo == 1 or boost == 0:
        return [Finding("turbo", "good", "off: the clock does not depend on temperature")]
    path, value = ("intel_pstate/no_turbo", 1) if no_turbo is not None else ("cpufreq/boost", 0)
    return [
        Finding(
            "turbo",
            "improve",
            "on: faster, but the clock depends on temperature and on the load of other cores",
            f"to compare small differences: echo {value} | sudo tee /{CPU}/{path}",
        )
    ]


def check_clocksource(machine: Machine) -> list[Finding]:
    """Check the clock source: reading a slow one takes microseconds a token."""
    source = machine.files.text(CLOCKSOURCE)
    if source is None:
        return [Finding("clock source", "unknown", machine.files.why_not(CLOCKSOURCE))]
    if source in QUICK_SOURCES:
        return [Finding("clock source", "good", source)]
    remedy = "find out why the kernel stopped using the TSC (dmesg | grep -i tsc)"
    return [Finding("clock source", "improve", f"{source}: slow to read", remedy)]
