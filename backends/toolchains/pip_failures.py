"""Why pip failed, in one line: its own last line is seldom the reason."""

from __future__ import annotations

import re

from backends.toolchains.running import ToolRun

_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"DO NOT MATCH THE HASHES",
        "{package} is not the file that was pinned (its hash differs): it was altered, replaced or damaged on the way; "
        "check the index pip uses (pip config list), or empty its cache (pip cache purge)",
    ),
    (r"No space left on device", "the disk is full; free some, or set CHIPASSAY_DATA and TMPDIR to another disk"),
    (r"Disk quota exceeded", "the disk quota is used up; free some, or set CHIPASSAY_DATA and TMPDIR to another disk"),
    (r"\[Errno (?:13|30)\]", "{line}; set CHIPASSAY_DATA to a writable folder"),
    (
        r"NewConnectionError|Failed to establish a new connection|Name or service not known|Connection refused"
        r"|Temporary failure in name resolution|Network is unreachable|ConnectTimeoutError|ReadTimeoutError|ProxyError"
        r"|No route to host|Connection reset|Connection aborted|CERTIFICATE_VERIFY_FAILED|SSLError",
        "the package index cannot be reached ({network}); connect, or set PIP_INDEX_URL, a proxy, or PIP_NO_INDEX and "
        "PIP_FIND_LINKS with a folder of the wheels",
    ),
    (
        r"No matching distribution found for (?P<package>\S+)",
        "no index pip uses offers {package} for this Python and machine; check the index (pip config list)",
    ),
    (r"externally.managed", "pip refuses this Python as managed by the system; name another with --python"),
)
_PACKAGE = re.compile(r"^\s+(\S+) from \S+", re.MULTILINE)
_NETWORK = re.compile(r"(?:Errno [-0-9]+\] [A-Z][\w ,]*|\w*(?:Timeout|Proxy|SSL)\w*Error|CERTIFICATE_VERIFY_FAILED)")


def why_pip_failed(run: ToolRun) -> str:
    """The reason behind a failed ``pip install``."""
    if run.stopped:
        return run.told()
    for pattern, reason in _REASONS:
        found = re.search(pattern, run.output)
        if found is None:
            continue
        named = found.groupdict().get("package")
        listed = _PACKAGE.search(run.output, found.end())
        network = _NETWORK.search(run.output)
        end = run.output.find("\n", found.start())
        line = run.output[run.output.rfind("\n", 0, found.start()) + 1 : end if end >= 0 else None]
        return reason.format(
            package=named or (listed[1] if listed else "a package"),
            line=" ".join(line.replace("ERROR:", "").split()),
            network=network[0].replace("Errno ", "").replace("] ", ": ") if network else "no connection",
        )
    return run.told()
