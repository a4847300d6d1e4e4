"""Reading many bundles: what is unreadable or contradicts itself is listed, and the rest is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from backends.common.errors import ChipassayError, InputError
from profiler.records.bundle import Bundle, read_bundle
from profiler.records.target import TargetRecord
from reports.judge.comparison.comparison import Runs, contradiction


def read_bundles(paths: Sequence[Path]) -> tuple[list[Bundle], list[tuple[str, str]]]:
    """The readable bundles in the order named, and of the others (path, reason in one line).

    Raises:
        InputError: If none can be read: the error of the first.
    """
    read: list[Bundle] = []
    runs = Runs()
    unread: list[tuple[str, str]] = []
    first: Exception | None = None
    for path in paths:
        try:
            bundle = read_sound_bundle(path)
            runs.add(bundle)
            read.append(bundle)
        except (ChipassayError, OSError) as error:
            first = first or error
            unread.append((str(path), " ".join(str(error).split())))
    if not read and first is not None:
        raise first
    return read, unread


def read_sound_bundle(path: Path) -> Bundle:
    """A bundle that a report can be made of.

    Raises:
        InputError: If it cannot be read, is of another schema version, or contradicts itself.
    """
    bundle = read_bundle(path)
    repeated = [name for name, count in Counter(bundle.index.target_ids).items() if count > 1]
    if repeated:
        raise InputError(f"{path} lists target {repeated[0]} twice; profile again")
    for record in bundle.targets:
        _check_times(path, record)
    if reason := contradiction(bundle):
        raise InputError(reason)
    return bundle


def _check_times(path: Path, record: TargetRecord) -> None:
    """Times that do not increase would make speeds that are infinite or negative."""
    for at, run in enumerate(record.worker.repetitions if record.worker else ()):
        times = (0, *run.token_ns)
        if not run.token_ns or not run.token_ids or times[1] <= 0 or list(times) != sorted(times):
            raise InputError(f"{path}: target {record.id}, repetition {at}: its token times do not increase")
        if len(times) > 2 and times[-1] == times[1]:
            raise InputError(f"{path}: target {record.id}, repetition {at}: decoding took no time")
