"""The vendor's own provider, rehearsed: no Ascend is here, and what is not CANN's own doing is proved on its wheel.

The wheel's library partitions the graphs, takes the options, and runs the decoder's loop over "device" memory; instead
of CANN a stand-in takes each compiled graph and has it computed on the CPU. Nothing here says how fast anything is.
"""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import yaml

from backends.contract.backend import Execution
from backends.onnx_cann import cann, graphs
from backends.onnx_cann.session import PROVIDER, PlacedNode
from backends.qwen.synthetic import synthetic_model
from profiler.run.supervisor import PROGRAM
from tests.backends.conftest import quiet
from tests.backends.onnx_cann.conftest import HERE

pytestmark = pytest.mark.toolchain("onnxruntime-cann")

OPEN = """
from pathlib import Path
from backends.onnx_cann.session import open_session
open_session(Path({path!r}), {device}, {mode!r}, 1)
"""


@pytest.fixture(scope="module")
def exported(make_spec, make_workload_of):
    """The folder of a tiny Qwen3's graphs."""
    workload = make_workload_of(output_tokens=4)
    shape = (workload.batch, workload.total_tokens, "", workload.prompt_tokens)
    return graphs.portable_graphs(Execution(synthetic_model(make_spec()), "float16", 1, *shape), quiet)[0]


@pytest.fixture(scope="module")
def plain(make_spec, make_workload_of):
    """The same in float32: without casts."""
    workload = make_workload_of(output_tokens=4)
    shape = (workload.batch, workload.total_tokens, "", workload.prompt_tokens)
    return graphs.portable_graphs(Execution(synthetic_model(make_spec()), "float32", 1, *shape), quiet)[0]


PARTITION = """
import json
from pathlib import Path
from backends.onnx_cann.session import MODES, open_session, placed_nodes
found = {{}}
for phase in ("prefill", "decode"):
    for mode in MODES:
        session = open_session(Path({folder!r}) / f"{{phase}}.onnx", 0, mode, 1)
        found[f"{{phase}} {{mode}}"] = [[n.name, n.operator, n.provider] for n in placed_nodes(session)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def partition(vendor, stand_in, plain, tmp_path_factory):
    """What the provider does with both graphs in each mode: a list of placed nodes."""
    done = vendor.run(
        [vendor.python, "-P", "-c", PARTITION.format(folder=str(plain))],
        cwd=tmp_path_factory.mktemp("partition"),
        timeout_s=60,
        variables={**vendor.worker_command(PROGRAM).variables, "LD_LIBRARY_PATH": str(stand_in)},
    )
    assert done.succeeded, done.output
    found = json.loads(done.output.strip().splitlines()[-1])
    return {key: tuple(PlacedNode(*node) for node in nodes) for key, nodes in found.items()}


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_graph_modes_take_every_node_and_single_operators_leave_a_known_set_on_the_processor(partition, phase):
    names = {node.name for node in partition[f"{phase} graph"]}
    assert len(names) > 200
    for mode in ("graph", "sub-graph"):
        assert {node.provider for node in partition[f"{phase} {mode}"]} == {PROVIDER}
    single = partition[f"{phase} single operator"]
    assert {node.name for node in single} == names
    left = {node.operator for node in single if node.provider != PROVIDER}
    taken = {node.operator for node in single if node.provider == PROVIDER}
    words = "Concat Expand Gather Pow ReduceMean Sigmoid Slice Softmax Transpose Unsqueeze"
    assert left == {*words.split(), *({"Where"} if phase == "decode" else set())}
    assert taken == {"Add", "Div", "MatMul", "Mul", "Neg", "Reshape", "Sqrt"}


def test_the_declared_support_agrees_with_what_the_wheel_does(partition):
    """The list that ``chipassay operators`` reads says the same as the provider itself."""
    text = resources.files("backends.onnx_cann").joinpath("operators.yaml").read_text()
    modes = {mode["name"]: mode for mode in yaml.safe_load(text)["modes"]}
    done = {mode: {} for mode in modes}
    for key, nodes in partition.items():
        mode = key.partition(" ")[2].replace("operator", "op").replace(" ", "-")
        for node in nodes:
            done[mode].setdefault(node.operator, set()).add(node.provider == PROVIDER)
    assert set(done) == {"graph", "sub-graph", "single-op"}
    for name, mode in modes.items():
        for observed in mode.get("observed", []):
            for place, taken in (("accelerator", True), ("host", False)):
                for operator in observed.get(place, []):
                    assert done[name].get(operator, {taken}) == {taken}, (name, operator)
    assert set(done["sub-graph"]) <= set(modes["sub-graph"]["declared"]["operators"])


def test_placements_have_the_whole_graphs_costs(partition, plain):
    placed = {phase: partition[f"{phase} single operator"] for phase in ("prefill", "decode")}
    found = graphs.placements(plain, placed, "partitioned", "the rehearsal")
    costs = json.loads((plain / graphs.COSTS).read_text())
    for phase in placed:
        ours = [one for one in found if one.phase == phase]
        assert sum(one.count for one in ours) == len(costs[phase])
        assert sum(one.flops for one in ours) == pytest.approx(sum(flops for _, _, flops, _ in costs[phase]))
        assert {one.where for one in ours} == {"accelerator", "host"}
        assert {one.where for one in ours if one.operator == "MatMul"} == {"accelerator"}


def test_no_device_is_an_error_with_its_reason(rehearsed, exported):
    done = rehearsed(OPEN.format(path=str(exported / "decode.onnx"), device=0, mode="graph"), CANN_STAND_IN_DEVICES=0)
    assert done.status == 1 and "WorkerError: the CANN provider did not open decode.onnx (graph mode)" in done.output
    assert "Invalid device ID: 0, must be between 0 (inclusive) and 0 (exclusive)" in done.summary()


def test_another_device_than_there_are(rehearsed, exported):
    done = rehearsed(OPEN.format(path=str(exported / "decode.onnx"), device=2, mode="graph"), CANN_STAND_IN_DEVICES=2)
    assert done.status == 1 and "Invalid device ID: 2, must be between 0 (inclusive) and 2" in done.summary()


SILENT = """
import onnxruntime
options = [{options}]
session = onnxruntime.InferenceSession({path!r}, providers=["CANNExecutionProvider"], provider_options=options)
print("opened on", session.get_providers())
"""


def test_without_cann_the_wheel_opens_on_the_processor_in_silence_and_we_do_not(in_vendor, exported, monkeypatch):
    """The trap itself, so that it is known when the wheel ends it."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    path = str(exported / "decode.onnx")
    fallen = in_vendor(SILENT.format(path=path, options="{}"))
    assert fallen.status == 0 and fallen.output.strip().endswith("opened on ['CPUExecutionProvider']")
    ours = in_vendor(OPEN.format(path=path, device=0, mode="graph"))
    assert ours.status == 1 and "libascendcl.so: cannot open shared object file" in ours.output
    assert "WorkerError: the CANN provider did not open decode.onnx (graph mode): create CANN" in ours.summary()


def test_an_option_that_the_provider_does_not_know_is_an_error(rehearsed, exported):
    path = str(exported / "decode.onnx")
    fallen = rehearsed(SILENT.format(path=path, options="{'precision_mode_v2': 'fp16'}"))
    assert fallen.status == 0 and fallen.output.strip().endswith("opened on ['CPUExecutionProvider']")
    program = OPEN.format(path=path, device=0, mode="graph")
    mode = "from backends.onnx_cann.session import MODES\nMODES['graph'] = {'precision_mode_v2': 'fp16'}\n"
    done = rehearsed(mode + program)
    assert done.status == 1 and "did not open decode.onnx" in done.output and "precision_mode_v2" in done.output


@pytest.fixture
def ascend(stand_in, vendor, tmp_path, monkeypatch):
    """This machine with a rehearsed Ascend in it: a device's node, and the stand-in where CANN would be."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "davinci0").touch()
    monkeypatch.setattr(cann, "DEVICES", tmp_path / "dev")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(stand_in))
    monkeypatch.setenv("CANN_STAND_IN_RECORD", str(tmp_path / "record.txt"))
    return tmp_path / "record.txt"


@pytest.fixture
def profile(make_spec, make_workload_of, tmp_path, monkeypatch):
    """``profile --target onnx-cann:0`` as the command line does it, within this process; the target's record."""
    from rich.console import Console

    from backends.contract.registry import parse_target
    from profiler.run.progress import Progress
    from profiler.run.request import Request
    from profiler.run.session import run_session

    monkeypatch.chdir(tmp_path)

    def run(precision="float32"):
        request = Request(
            model=synthetic_model(make_spec()),
            workload=replace(make_workload_of(output_tokens=5), name="smoke"),
            targets=(parse_target(f"onnx-cann:0@{precision}", None),),
            threads=1,
            budget_s=0.1,
            precision_wanted=0.5,
            timeout_s=120,
            command="chipassay profile (rehearsal)",
        )
        with Progress(Console(quiet=True)) as progress:
            # As a user names it: what the worker does with its current folder must not lose the run's.
            return run_session(request, Path("run"), progress).records[0]

    return run


def test_the_whole_target_runs_over_the_vendors_provider(ascend, profile, monkeypatch, make_spec):
    monkeypatch.setenv("CANN_STAND_IN_EXECUTOR", str(HERE / "executor.py"))
    record = profile()
    assert record.status == "ok", record.failure
    assert record.accelerator == "npu:0" and record.worker.parity.passed and record.worker.parity.top1_agreement == 1
    assert record.worker.engine.engine == "onnxruntime-cann" and record.worker.engine.details["mode"] == "graph"
    assert record.worker.engine.details["providers"][0] == PROVIDER
    graph, pieces = record.worker.trials
    assert graph.chosen and graph.duration_s > 0
    assert pieces.duration_s is None and "hands CANN what graph mode does" in pieces.failure
    assert {(one.where, one.evidence) for one in record.operators} == {("accelerator", "executed")}
    assert record.metrics["decode_throughput"].value > 0
    assert record.metrics["mbu"].value is None and record.metrics["mfu"].value is None
    asked = ascend.read_text().splitlines()
    assert "option ge.exec.precision_mode=must_keep_origin_dtype" in asked
    weights = max(int(line.split()[1]) for line in asked if line.startswith("parse "))
    assert weights > 4 * make_spec().parameters, "CANN is given the weights themselves, not the name of a file"


COMPILE = """
from pathlib import Path
from backends.onnx_cann.modes import fastest
fastest(Path({folder!r}), 0, 1)
"""


def test_what_cannot_be_compiled_is_an_error_with_every_reason(rehearsed, exported):
    """CANN compiles at the first run: a session that opened proves nothing."""
    done = rehearsed(COMPILE.format(folder=str(exported)))
    told = done.output.strip().splitlines()[-1]
    assert done.status == 1 and told.startswith(
        "backends.common.errors.WorkerError: no mode of the CANN provider ran the model"
    )
    for words in ("graph: ", "sub-graph: ", "single operator: ", "aclgrphParseONNXFromMem", "aclopCompileAndExecute"):
        assert words in told


def test_the_provider_partitions_experts_and_deltanet(in_vendor, stand_in, tmp_path):
    """What ``operators.yaml`` says of the newer models' operators, asked of the provider itself."""
    from backends.operators.support import find_support, place_operator
    from backends.portable.export import Form, build_graph, save_graph
    from tests.backends.qwen.families import TINY

    model = synthetic_model(TINY["qwen3_next"])
    for phase, tokens in (("prefill", 70), ("decode", 1)):
        save_graph(build_graph(model, Form(phase, "whole", tokens, 80, cache="buffer")), tmp_path / f"{phase}.onnx")
    done = in_vendor(PARTITION.format(folder=str(tmp_path)), LD_LIBRARY_PATH=stand_in)
    assert done.succeeded, done.output
    found = json.loads(done.output.strip().splitlines()[-1])
    support, _ = find_support("onnx-cann")
    newer = {"Conv", "CumSum", "Exp", "ReduceSum", "ScatterElements", "Softplus", "Sub", "TopK"}
    for name, mode in (("graph", "graph"), ("sub-graph", "sub-graph"), ("single operator", "single-op")):
        nodes = [node for phase in ("prefill", "decode") for node in found[f"{phase} {name}"]]
        chosen = next(one for one in support.modes if one.name == mode)
        places = {operator: place_operator(support, chosen, "", operator).where for operator in newer}
        for place, given in (("accelerator", True), ("host", False)):
            seen = {operator for _, operator, provider in nodes if (provider == PROVIDER) is given}
            assert seen & newer == {operator for operator in newer if places[operator] == place}, mode
