"""The real nncase: through the command line, and the norm it compiles wrongly without a word."""

import json
import subprocess
import sys

import numpy as np
import pytest

from backends.contract.backend import Execution
from backends.portable.export import Form, build_graph, save_graph
from backends.portable.rewrites import apply_rewrites
from backends.qwen.synthetic import synthetic_model
from backends.toolchains import environment_of, find_toolchain
from backends.vendors.base.driven import Driver
from backends.vendors.base.layerwise import Probe, compile_and_simulate
from backends.vendors.canaan.tool import DRIVER, NncaseTool
from profiler.run.parity import score

pytestmark = pytest.mark.toolchain("nncase")


@pytest.fixture
def tool_of():
    def make(precision, kind=NncaseTool):
        driver = Driver(environment_of(find_toolchain("nncase")), DRIVER, lambda text: None)
        return kind(driver, "k230", precision)

    return make


def test_a_tiny_model_is_profiled_on_a_chip_that_is_not_here(tiny_checkpoint, make_spec, tmp_path):
    # The prompt is as long as a head is wide: without transpose_without_batch that ends the process, or worse.
    tokens = str(make_spec().head_dim)
    command = [sys.executable, "-m", "reports.cli.main", "profile", "--model", tiny_checkpoint, "--workload", "chat"]
    command += ["--prompt-tokens", tokens, "--output-tokens", "4", "--target", "nncase:k230@float32"]
    done = subprocess.run(
        [*map(str, command), "--out", str(tmp_path / "bundle")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads((tmp_path / "bundle" / "targets" / "nncase_k230@float32.json").read_text())["outcome"]
    compiled = outcome["report"]["compiled"]
    assert outcome["kind"] == "examined" and outcome["report"]["parity"]["passed"]
    assert (compiled["toolchain"], compiled["chip_id"]) == ("nncase", "canaan-k230")
    assert [graph["name"] for graph in compiled["graphs"]] == ["prefill_layer", "decode_layer", "head"]
    for graph in compiled["graphs"]:
        assert graph["cosine"] > 0.999999 and graph["artefact_bytes"] > 0 and graph["duration_s"] is None
        assert graph["details"]["kpu_operators"] == {}
    assert any("KPU does nothing" in gap for gap in compiled["gaps"])
    placed = outcome["report"]["operators"]
    assert {one["where"] for one in placed} == {"host"}
    assert "Conv2D" not in {one["operator"] for one in placed}, "what it makes of a product is still the product"
    throughput = outcome["metrics"]["decode_throughput"]
    assert throughput["value"] is None and "no cycles, times or traffic" in throughput["method"]


class UsualNorm(NncaseTool):
    """Gives nncase RMSNorm in the form that PyTorch exports."""

    rewrites = tuple(name for name in NncaseTool.rewrites if name != "divide_in_rms_norm")


def test_the_usual_norm_is_compiled_as_another_and_found_out(make_spec, make_workload_of, tool_of, tmp_path):
    workload = make_workload_of(prompt_tokens=12, output_tokens=3)
    model = synthetic_model(make_spec(layers=1))
    execution = Execution(model, "float32", 1, 1, workload.total_tokens)
    found = compile_and_simulate(tool_of("float32", UsualNorm), execution, workload, tmp_path, lambda text: None)
    parity = score(found.logits, found.expected, "float32", (), ())
    assert not parity.passed and parity.max_abs_logit_error > 0.05
    assert all(graph.cosine < 0.9999 and graph.max_abs_error > 1e-3 for graph in found.graphs)


def test_quantised_products_run_on_the_kpu_and_square_roots_do_not(make_spec, tool_of, tmp_path):
    graph = build_graph(synthetic_model(make_spec(hidden_size=32, vocab_size=64)), Form("decode", "head", 1))
    apply_rewrites(graph, NncaseTool.rewrites)
    path = tmp_path / "head.onnx"
    save_graph(graph, path)
    hidden = np.random.default_rng(0).normal(size=(1, 1, 32)).astype(np.float32)
    outputs = {"logits": np.zeros((1, 1, 64), np.float32)}
    tool = tool_of("int8")
    compiled = tool.compile(path, "head", Probe({"head": [{"hidden": hidden}]}, {"head": [outputs]}))
    assert compiled.details["kpu_operators"]["GNNEConv2D"] == 1
    assert compiled.details["cpu_operators"]["Unary.Sqrt"] == 1
    assert compiled.details["calibration_samples"] == 1
    import onnxruntime

    (exact,) = onnxruntime.InferenceSession(str(path)).run(None, {"hidden": hidden})
    simulated = tool.simulate("head", {"hidden": hidden})["logits"]
    error = float(np.abs(simulated - exact).max())
    assert 0 < error < 0.1 * float(np.abs(exact).max())
