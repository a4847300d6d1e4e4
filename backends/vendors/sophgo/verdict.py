"""Decides whether a command of tpu-mlir succeeded: its exit status alone does not show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backends.common.errors import WorkerError
from backends.toolchains import ToolRun

_FAILURE = re.compile(r"\[!Error\]|\[Failed\]|^Traceback \(most recent call last\)|Assertion .* failed|stack smashing")
_CAUSE = re.compile(
    r"\bASSERT (?!info)|Assertion .* failed|\bFATAL\b|Not Implemented|not support|Unsupport", re.IGNORECASE
)
_COMPARED = re.compile(r"^(\d+) compared", re.MULTILINE)


def require_success(run: ToolRun, makes: Sequence[Path] = ()) -> None:
    """Raise unless the command ended well, said nothing of a failure, and made every file of ``makes``.

    Raises:
        WorkerError: With the program, how it ended and the line that explains it.
    """
    if not run.succeeded:
        raise WorkerError(_with_cause(run))
    for line in run.output.splitlines():
        if _FAILURE.search(line):
            raise WorkerError(f"{run.program} ended with status 0 and said: {line.strip()[:300]}")
    for path in makes:
        if not path.is_file() or not path.stat().st_size:
            raise WorkerError(f"{run.program} ended with status 0 and made no {path.name}; it said last: {_last(run)}")


def find_line(pattern: re.Pattern[str], text: str, what: str, where: str) -> re.Match[str]:
    """Return the line that every ``where`` of the versions we know has.

    Raises:
        WorkerError: It is missing.
    """
    match = pattern.search(text)
    if match is None:
        raise WorkerError(f"tpu-mlir: {where} has no {what!r}: an unknown version, or a damaged file")
    return match


def validated_tensors(output: str) -> int | None:
    """How many tensors the compiler compared with ONNX Runtime when it read the graph; None if it does not say."""
    found = _COMPARED.search(output)
    return int(found[1]) if found else None


def _with_cause(run: ToolRun) -> str:
    """Return how it ended; scripts that drive tpuc-opt end with the failed command, and its cause comes before."""
    ending = run.summary()
    causes = [line.strip()[:300] for line in run.output.splitlines() if _CAUSE.search(line)]
    return f"{ending}; it said before: {causes[-1]}" if causes and causes[-1][:60] not in ending else ending


def _last(run: ToolRun) -> str:
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"
