"""The real tpu-mlir: compiled, scheduled and simulated through the command line, and a wrong graph found out."""

import json
import math
import subprocess
import sys

import onnx_ir as ir
import pytest

from backends.contract.backend import Execution
from backends.qwen.synthetic import synthetic_model
from backends.toolchains import environment_of, find_toolchain
from backends.vendors.base.layerwise import compile_and_simulate
from backends.vendors.sophgo.chips import CHIPS
from backends.vendors.sophgo.commands import Commands
from backends.vendors.sophgo.tool import TpuMlirTool
from profiler.run.parity import score

pytestmark = pytest.mark.toolchain("tpu-mlir")


def test_a_tiny_model_is_profiled_on_a_chip_that_is_not_here(tiny_checkpoint, make_spec, tmp_path):
    spec = make_spec()
    command = [sys.executable, "-m", "reports.cli.main", "profile", "--model", tiny_checkpoint, "--workload", "smoke"]
    command += ["--prompt-tokens", "12", "--output-tokens", "4", "--target", "tpu-mlir:bm1684x"]
    done = subprocess.run(
        [*map(str, command), "--out", tmp_path / "bundle"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads((tmp_path / "bundle" / "targets" / "tpu-mlir_bm1684x@float16.json").read_text())["outcome"]
    compiled = outcome["report"]["compiled"]
    graphs = {graph["name"]: graph for graph in compiled["graphs"]}
    assert outcome["kind"] == "examined" and outcome["report"]["parity"]["passed"]
    assert compiled["toolchain"] == "tpu-mlir" and compiled["chip_id"] == "sophgo-bm1684x"
    assert set(graphs) == {"prefill_layer", "decode_layer", "head"}
    for graph in graphs.values():
        assert graph["cycles"] > 0 and graph["cosine"] > 0.9999 and graph["details"]["frequency_hz"] == 10**9
        assert graph["details"]["tensors_validated_by_the_compiler"] > 0
        least = 2 * (spec.embedding_parameters if graph["part"] == "head" else spec.layer_matmul_parameters)
        assert least <= graph["weight_bytes"] < 2 * least and least <= graph["dram_bytes"]
    steps = 3 * graphs["decode_layer"]["duration_s"] + graphs["head"]["duration_s"]
    throughput = outcome["metrics"]["decode_throughput"]
    assert throughput["grade"] == "modelled" and math.isclose(throughput["value"], 1 / steps)
    placed = outcome["report"]["operators"]
    assert {(one["operator"], one["where"]) for one in placed if one["where"] != "accelerator"} == {("Gather", "host")}
    norms = next(one for one in placed if one["operator"] == "Pow" and one["phase"] == "decode")
    assert norms["note"] == f"{norms['count']} part of tpu.RMSNorm"


class WrongActivation(TpuMlirTool):
    """Gives the compiler another activation than the model has, after the export was checked."""

    def compile(self, graph, name, probe):
        model = ir.load(graph)
        for node in model.graph:
            if node.op_type == "Sigmoid":
                node.op_type = "Tanh"
        ir.save(model, graph)
        return super().compile(graph, name, probe)


def test_a_wrong_graph_fails_parity_although_the_compiler_is_content(make_spec, make_workload_of, tmp_path):
    model, workload = synthetic_model(make_spec(layers=2)), make_workload_of(prompt_tokens=12, output_tokens=3)
    environment = environment_of(find_toolchain("tpu-mlir"))
    tool = WrongActivation(Commands(environment, lambda _: None), CHIPS["bm1684x"], "float16")
    execution = Execution(model, "float16", 1, 1, workload.total_tokens)
    found = compile_and_simulate(tool, execution, workload, tmp_path, lambda _: None)
    assert not score(found.logits, found.expected, "float16", (), ()).passed
    cosine = {graph.name: graph.cosine for graph in found.graphs}
    assert cosine["head"] > 0.9999 > cosine["decode_layer"]
