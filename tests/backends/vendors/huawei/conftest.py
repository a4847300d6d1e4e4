"""msopmodeling for the tests: the answers of a real run, or a program that misbehaves."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from backends.toolchains.running import run_tool
from backends.vendors.huawei import path

RECORDED = Path(__file__).parent / "recorded"


@dataclass
class Recorded:
    """Gives the recorded answers, in the order of what is asked now; a call that was not recorded fails the test."""

    folder: Path = Path("/nowhere")
    asked: list = field(default_factory=list)

    def packages(self):
        return {"msopmodeling": "1.0.9"}

    def run(self, argv, *, cwd, timeout_s):
        self.asked = json.loads((cwd / argv[2]).read_text())
        answers = json.loads((RECORDED / "latencies.json").read_text())
        known = {json.dumps(one): answers[f"OP_{n}"] for n, one in enumerate(recorded_operators())}
        (cwd / argv[4]).write_text(
            json.dumps({f"OP_{number}": known[json.dumps(one)] for number, one in enumerate(self.asked)})
        )
        return SimpleNamespace(status=1, stopped="", summary=lambda: "ended with status 1")


@dataclass
class Program:
    """A shell script in the place of msopmodeling, run for real."""

    folder: Path

    def packages(self):
        return {}

    def run(self, argv, *, cwd, timeout_s):
        return run_tool(argv, cwd=cwd, environment=dict(os.environ), timeout_s=2)


def recorded_operators():
    return json.loads((RECORDED / "operators.json").read_text())


@pytest.fixture
def use(monkeypatch):
    """Put an environment in the place of the installed one."""

    def put(environment):
        monkeypatch.setattr(path, "environment_of", lambda tool: environment)
        return environment

    return put


@pytest.fixture
def program(use, tmp_path):
    """Installs a script as ``msopmodeling``; ``$4`` is where its answer goes."""

    def make(script):
        folder = tmp_path / "environment"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "msopmodeling").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / "msopmodeling").chmod(0o755)
        return use(Program(folder))

    return make
