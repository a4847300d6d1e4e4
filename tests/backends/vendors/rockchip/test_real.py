"""The real rknn-toolkit2, only where the user has installed it and accepted its licence."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.toolchain("rknn-toolkit2")


def test_a_tiny_model_is_profiled_on_a_chip_that_is_not_here(tiny_checkpoint, make_spec, tmp_path):
    spec = make_spec()
    command = [sys.executable, "-m", "reports.cli.main", "profile", "--model", tiny_checkpoint, "--workload", "chat"]
    command += ["--prompt-tokens", "12", "--output-tokens", "4", "--target", "rknn:rk3568"]
    done = subprocess.run(
        [*map(str, command), "--out", str(tmp_path / "bundle")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads((tmp_path / "bundle" / "targets" / "rknn_rk3568@float16.json").read_text())["outcome"]
    compiled = outcome["report"]["compiled"]
    assert outcome["kind"] == "examined" and outcome["report"]["parity"]["passed"]
    for graph in compiled["graphs"]:
        assert graph["cosine"] > 0.99999 and graph["duration_s"] is None
        assert 0 < graph["details"]["operators_with_cycles"] < graph["details"]["operators"]
        least = 2 * (spec.embedding_parameters if graph["part"] == "head" else spec.layer_matmul_parameters)
        assert least <= graph["weight_bytes"] < 2 * least
    softmax = [one for one in outcome["report"]["operators"] if one["operator"] == "Softmax"]
    assert {one["where"] for one in softmax} == {"host"} and len(softmax) == 2
    products = [one for one in outcome["report"]["operators"] if one["operator"] == "MatMul"]
    assert {one["where"] for one in products} == {"accelerator"}
    throughput = outcome["metrics"]["decode_throughput"]
    assert throughput["value"] is None and "no clock" in throughput["method"]
    assert "ONNX Runtime" in compiled["simulator"]
