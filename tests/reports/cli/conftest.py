"""Running `chipassay` as a user does, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-m", "reports.cli.main")


def hear_every_signal() -> None:
    """To be run in a child before it becomes the command: a job of ``nohup`` or ``&`` is born deaf to some."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on standard error; anything else fails."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("chipassay: "), self.err
        return lines[0]


@pytest.fixture(scope="session")
def environment(plugin_folder: Path, cache_folder: Path) -> dict[str, str]:
    """The tests' cache, and the distribution of misbehaving backends."""
    return {**os.environ, "PYTHONPATH": str(plugin_folder), "CHIPASSAY_CACHE": str(cache_folder)}


@pytest.fixture(scope="session")
def chipassay(environment: dict[str, str]) -> Callable[..., Finished]:
    """Runs the command line to its end."""

    def run(*arguments: object, **variables: str) -> Finished:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**environment, **variables},
            timeout=150,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def small_run(tiny_checkpoint: Path) -> tuple[object, ...]:
    """Arguments of a profile that takes as little time as can be."""
    return (
        "profile", "--model", tiny_checkpoint, "--workload", "smoke", "--prompt-tokens", 8, "--output-tokens", 4,
        "--threads", 1, "--budget", 0.5,
    )  # fmt: skip
