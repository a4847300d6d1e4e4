"""The machine's memory: its size, and its modules if the firmware's table is readable."""

from __future__ import annotations

from typing import Any

import psutil

from profiler.host.files import Files
from profiler.inventory.smbios import TABLE, memory_modules
from profiler.records.findings import Findings
from profiler.records.host import Component


def read_memory(files: Files) -> Findings:
    """Read system memory as one component; the modules are in ``details["modules"]``."""
    details: dict[str, Any] = {"total_bytes": psutil.virtual_memory().total, "swap_bytes": psutil.swap_memory().total}
    limit = _cgroup_limit(files)
    if limit is not None and limit < details["total_bytes"]:
        details["limit_bytes"] = limit
    unread = {}
    source = "psutil"
    table = files.raw(TABLE)
    if table:
        details["modules"] = memory_modules(table)
        source = "psutil, SMBIOS"
        if not details["modules"]:
            unread["memory modules"] = "the firmware's table (DMI) lists none (usual in virtual machines)"
    else:
        unread["memory modules"] = f"the firmware's table (DMI) was not read: {files.why_not(TABLE)}"
    note = "the container may use less than all of it: see limit_bytes" if "limit_bytes" in details else ""
    return Findings((Component("memory", "system memory", details=details, source=source, note=note),), unread)


def _cgroup_limit(files: Files) -> int | None:
    """Return the memory limit of this control group, version 2 then 1; None without one."""
    return files.number("sys/fs/cgroup/memory.max") or files.number("sys/fs/cgroup/memory/memory.limit_in_bytes")
