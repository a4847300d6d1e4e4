"""A small process between chipassay and a vendor's program, run as a script by the bare interpreter.

It serves two purposes. The kernel counts a program's peak memory from that of the process that started it, which may be
gigabytes. And if chipassay is killed, its pipe to standard input ends, and the program is killed too.

The first line of standard input is ``{"command", "environment"}`` as JSON. To the descriptor given as argument goes
``{"status", "duration_s", "peak_resident_bytes"}``, or ``{"error"}`` if the command could not be started.
"""

import json
import os
import signal
import sys
import threading
import time


def main() -> None:
    """Start the command, wait for it, and report."""
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    began = time.perf_counter()
    try:
        pid = os.posix_spawn(
            order["command"][0],
            order["command"],
            order["environment"],
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            # Python ignores these two, and what it starts would, too.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except (OSError, ValueError) as error:
        _tell(report, {"error": getattr(error, "strerror", None) or str(error)})
        return
    _, status, usage = os.wait4(pid, 0)
    _tell(
        report,
        {
            "status": os.waitstatus_to_exitcode(status),
            "duration_s": time.perf_counter() - began,
            "peak_resident_bytes": usage.ru_maxrss * 1024,
        },
    )


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _tell(report: int, content: dict[str, object]) -> None:
    os.write(report, json.dumps(content).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
