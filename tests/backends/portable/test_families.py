"""Graphs of every family, on ONNX Runtime beside transformers: experts, Gated DeltaNet, gated attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from backends.common.errors import UnavailableError
from backends.portable.export import Form, build_graph, save_graph
from backends.portable.families import PORTABLE
from backends.qwen.channels import Experts
from backends.qwen.families import FAMILIES
from backends.qwen.synthetic import synthetic_model
from tests.backends.portable.test_export import STANDARD
from tests.backends.qwen.families import ROUTED, TINY

NEWER = {"Conv", "CumSum", "Exp", "ReduceSum", "ScatterElements", "Softplus", "Sub", "TopK"}
OPERATORS_OF = {"qwen3_moe": {"TopK", "ReduceSum", "ScatterElements"}, "qwen3_5": NEWER - {"TopK", "ScatterElements"},
                "qwen3_next": NEWER}  # fmt: skip
NEW = [name for name in PORTABLE if name not in ("qwen2", "qwen3")]
TOLERANCE = 1e-4


@pytest.mark.parametrize("architecture", NEW)
def test_prefill_and_steps_agree_with_the_reference(architecture, make_workload_of, reference_of, logits_of):
    """70 tokens: two chunks of DeltaNet, the second not full; every expert for all of them, then those chosen."""
    model, workload = synthetic_model(TINY[architecture]), make_workload_of(70, 4, 2, 500)
    reference = reference_of(model, workload)
    logits = logits_of(model, workload, reference.tokens)
    np.testing.assert_allclose(logits, reference.logits, atol=TOLERANCE)
    assert (logits.argmax(-1) == reference.tokens).all()


@pytest.mark.parametrize("tokens", [1, 2, 3, 64, 130])
def test_prompts_of_every_length_leave_the_right_state(tokens, make_workload_of, reference_of, logits_of):
    """Shorter than the convolution, a chunk exactly, and three chunks."""
    model, workload = synthetic_model(TINY["qwen3_5"]), make_workload_of(tokens, 4, 1, 500)
    reference = reference_of(model, workload)
    np.testing.assert_allclose(logits_of(model, workload, reference.tokens), reference.logits, atol=TOLERANCE)


@pytest.mark.parametrize(("experts", "form"), [(ROUTED, "gathered"), (Experts(3, 2, 32), "all"), (Experts(2, 2, 32),
                         "all")])  # fmt: skip
def test_both_forms_of_experts_agree_with_the_reference(
    experts, form, make_workload_of, reference_of, logits_of, session_of
):
    model = synthetic_model(replace(TINY["qwen3_moe"], experts=experts))
    workload = make_workload_of(5, 3, 2, 500)
    reference = reference_of(model, workload)
    np.testing.assert_allclose(logits_of(model, workload, reference.tokens), reference.logits, atol=TOLERANCE)
    graph = build_graph(model, Form("decode", "layer", 1, 6, 2))
    assert ("ScatterElements" in {node.op_type for node in graph.graph}) == (form == "all")


@pytest.mark.parametrize("architecture", ["qwen3_moe", "qwen3_5", "qwen3_next"])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_only_standard_operators_with_the_shapes_that_onnx_infers(architecture, phase, tmp_path):
    form = Form(phase, "whole", 70 if phase == "prefill" else 1, 0 if phase == "prefill" else 20)
    save_graph(build_graph(synthetic_model(TINY[architecture]), form), tmp_path / "graph.onnx")
    onnx.checker.check_model(str(tmp_path / "graph.onnx"), full_check=True)
    read = onnx.load(tmp_path / "graph.onnx")
    assert {node.op_type for node in read.graph.node} <= STANDARD | OPERATORS_OF[architecture]
    written = {value.name: value.type for value in read.graph.value_info if value.name.startswith("/")}
    del read.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(read, strict_mode=True, data_prop=True)
    assert {value.name: value.type for value in inferred.graph.value_info} == written


def test_keys_that_are_nearly_equal_do_not_spoil_a_chunk():
    """The worst case for an inverse by powers, whose terms grow to binomial coefficients; by blocks none grows."""
    from tests.backends.portable.inverse import inverse_on_onnx

    system = np.tril(np.ones((64, 64), np.float32), -1) * np.float32(0.999)
    exact = np.linalg.inv(np.eye(64) + system.astype(np.float64))
    np.testing.assert_allclose(inverse_on_onnx(system), exact, atol=1e-5)


def test_the_one_family_without_a_graph_says_so():
    assert set(FAMILIES) - set(PORTABLE) == {"qwen4_exp"}
    with pytest.raises(UnavailableError, match="no portable graph is written for qwen4_exp"):
        build_graph(synthetic_model(TINY["qwen4_exp"]), Form("decode", "whole", 1, 8))
