"""Whether weights stay resident in memory, and on which pages."""

from __future__ import annotations

import psutil

from profiler.host.finding import Finding, Machine
from profiler.host.memory import available_bytes

HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
LITTLE_BYTES = 2 * 10**9
"""Less memory than the smallest preset needs with its reference."""


def check_memory(machine: Machine) -> list[Finding]:
    """Check the memory available without swapping."""
    free, total = available_bytes(), psutil.virtual_memory().total
    found = f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB available"
    if free < LITTLE_BYTES:
        return [Finding("memory", "improve", found, "free memory: even the smallest preset may not fit")]
    return [Finding("memory", "good", found)]


def check_swap(machine: Machine) -> list[Finding]:
    """Check that no swap is in use: it may hold weights."""
    used = psutil.swap_memory()
    if used.total == 0:
        return [Finding("swap", "good", "none: weights stay in memory")]
    found = f"{used.used / 1e9:.1f} GB of {used.total / 1e9:.1f} GB in use"
    if used.used:
        return [Finding("swap", "improve", found, "free memory, then: sudo swapoff -a && sudo swapon -a")]
    return [Finding("swap", "good", found)]


def check_huge_pages(machine: Machine) -> list[Finding]:
    """Check that weights use huge pages: with 4 KiB pages, page walks cost bandwidth, which limits decode."""
    text = machine.files.text(HUGE_PAGES)
    if text is None:
        return [Finding("huge pages", "unknown", machine.files.why_not(HUGE_PAGES))]
    chosen = text.partition("[")[2].partition("]")[0]
    if chosen == "never":
        remedy = f"echo madvise | sudo tee /{HUGE_PAGES}"
        found = "never: weights use 4 KiB pages, and page walks cost bandwidth"
        return [Finding("huge pages", "improve", found, remedy)]
    return [Finding("huge pages", "good", f"{chosen}: weights use them")]
