"""Run bundles on disk whose speed and memory a test chooses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from profiler.records.bundle import Bundle, read_bundle
from profiler.records.target import Spoiler
from tests.outcomes import altered
from tests.reports.bundles import bundle, host, target, write_bundle


def run_bundle(
    folder: Path, *, seed: int, speed: float = 1.0, memory: float = 1.0, on: Any = None, disturbed: int = 0,
    detector: str = "other_load", targets: Any = None, created: str = "2026-11-23T21:40:07Z", **changes: Any,
) -> Path:  # fmt: skip
    """One run of two targets; ``disturbed`` repetitions of each carry a mark of ``detector``."""
    if targets is None:
        targets = tuple(
            _marked(target(backend, "float32", 0.5 / speed, 0.1 / speed, seed=seed + at), memory, disturbed, detector)
            for at, backend in enumerate(("torch-cpu", "onnx-cpu"))
        )
    made = bundle(folder, targets=targets, on=on or host(), **changes)
    made = replace(made, index=replace(made.index, created=created))
    return write_bundle(made, folder)


def _marked(record: Any, memory: float, disturbed: int, detector: str) -> Any:
    mark = (Spoiler(detector, 0.9, 0.15, "cores"),)
    runs = tuple(
        replace(run, spoilers=mark if 0 < at <= disturbed else ()) for at, run in enumerate(record.worker.repetitions)
    )
    peak = round(record.worker.memory.peak_resident_bytes * memory)
    reading = replace(record.worker.memory, peak_resident_bytes=peak)
    return altered(record, worker=replace(record.worker, repetitions=runs, memory=reading))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run into a folder of its own; the same test makes the same runs whatever ran before it."""
    numbers = count(100, 2)

    def make(**changes: Any) -> Path:
        seed = next(numbers)
        return run_bundle(tmp_path / f"run-{seed}", seed=seed, **changes)

    return make


@pytest.fixture
def make_bundle(make_run: Callable[..., Path]) -> Callable[..., Bundle]:
    """The same, as read."""
    return lambda **changes: read_bundle(make_run(**changes))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``chipassay WORDS...`` in an empty current folder, without a CI's variables."""
    from reports.cli.main import cli as commands

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*words: object) -> Result:
        return CliRunner().invoke(commands, [str(word) for word in words])

    return run


def document(result: Result) -> Any:
    """The JSON on standard output."""
    return json.loads(result.stdout)
