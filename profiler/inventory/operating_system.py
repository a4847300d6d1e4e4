"""The operating system: distribution, kernel, and the C library of the engines."""

from __future__ import annotations

import platform

from profiler.host.files import Files
from profiler.records.findings import Findings
from profiler.records.host import Component


def read_operating_system(files: Files) -> Findings:
    """Read the distribution with its kernel; ``details["python"]`` is this interpreter."""
    release = _release(files)
    libc = " ".join(part for part in platform.libc_ver() if part)
    details = {
        "kernel": platform.release(),
        "kernel_version": platform.version(),
        "machine": platform.machine(),
        "distribution": release.get("ID"),
        "version": release.get("VERSION_ID"),
        "libc": libc or None,
        "python": platform.python_version(),
    }
    unread = {} if release else {"distribution": files.why_not("etc/os-release")}
    name = release.get("PRETTY_NAME") or platform.system() or "unknown system"
    known = {key: value for key, value in details.items() if value is not None}
    return Findings((Component("operating-system", name, details=known, source="/etc/os-release, uname"),), unread)


def _release(files: Files) -> dict[str, str]:
    text = files.text("etc/os-release") or files.text("usr/lib/os-release") or ""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
