"""Two Python environments side by side: a slower one is found, and what is no environment is one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backends.qwen.synthetic import synthetic_model
from profiler.records.bundle import read_bundle

pytestmark = pytest.mark.slow

SLOWER = """
import importlib.util, sys, time

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name != "backends.onnx_cpu.decoder":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def run_and_slow(module):
            run(module)
            step = module.OnnxDecoder.step
            def slow(self, ids):
                began = time.perf_counter()
                logits = step(self, ids)
                time.sleep((time.perf_counter() - began) * 0.5)
                return logits
            module.OnnxDecoder.step = slow
        spec.loader.exec_module = run_and_slow
        return spec

sys.meta_path.insert(0, Hook())
"""


def chipassay(*arguments):
    command = [sys.executable, "-m", "reports.cli.main", "race", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def slower(tmp_path):
    """An interpreter of this environment whose decode steps take half as long again."""
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(SLOWER)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/patch" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


def test_the_slower_environment_is_found_and_both_bundles_are_kept(slower, write_checkpoint, make_spec, tmp_path):
    folder = write_checkpoint(tmp_path / "model", synthetic_model(make_spec()))
    done = chipassay(
        "--environment", sys.executable, "--environment", slower, "--model", folder, "--budget", 5, "--threads", 1,
        "--prompt-tokens", 8, "--output-tokens", 40, "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    decode = next(one for one in json.loads(done.stdout)["changes"] if one["phase"] == "decode")
    assert decode["verdict"] == "slower"
    assert decode["ratio"] < 0.9 and decode["interval_98"][1] < 1
    for number in "12":
        (record,) = read_bundle(tmp_path / "out" / number).targets
        assert record.status == "ok" and record.worker.segments


def test_what_is_no_environment_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    there = ("--model", "qwen3-0.6b", "--out", tmp_path / "out")
    for environments, said in (
        ((tmp_path / "empty", sys.executable), "no Python environment"),
        ((sys.executable,), "1 times; give two"),
        ((sys.executable, "/bin/false"), "cannot run a worker"),
    ):
        done = chipassay(*(part for one in environments for part in ("--environment", one)), *there)
        assert done.returncode == 2
        assert said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_not_written_over(tmp_path):
    pair = ("--environment", sys.executable, "--environment", sys.executable)
    done = chipassay(*pair, "--model", "qwen3-0.6b", "--out", tmp_path)
    assert done.returncode == 2 and "name a new folder" in done.stderr
    assert list(Path(tmp_path).iterdir()) == []
