"""A rewrite changes the form that its toolchain trips over, and never what the graph computes."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from backends.portable import rewrites
from backends.portable.export import Form, build_graph
from backends.portable.rewrites import FINITE_MASK, REWRITES, apply_rewrites
from backends.portable.writer import Writer
from backends.qwen.synthetic import synthetic_model
from tests.backends.qwen.families import TINY

FORMS = [Form("prefill", "whole", 12), Form("decode", "whole", 1, 20)]


def kinds(model: ir.Model) -> Counter:
    return Counter(node.op_type for node in model.graph)


@pytest.mark.parametrize("names", [*([name] for name in REWRITES), list(REWRITES)], ids="+".join)
def test_what_is_computed_stays(tiny_model, make_workload_of, reference_of, logits_of, names):
    workload = make_workload_of(output_tokens=3)
    tokens = reference_of(tiny_model, workload).tokens
    plain = logits_of(tiny_model, workload, tokens)
    np.testing.assert_allclose(logits_of(tiny_model, workload, tokens, rewrites=names), plain, atol=2e-5)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_rewrite_finds_nothing_the_second_time(tiny_model, form):
    graph = build_graph(tiny_model, form)
    apply_rewrites(graph, list(REWRITES))
    assert set(apply_rewrites(graph, list(REWRITES)).values()) == {0}


def test_reduce_mean_takes_its_axes_as_an_attribute(tiny_model, session_of):
    norms = 2 * 3 + 1 + (2 * 3 if tiny_model.spec.architecture == "qwen3" else 0)
    session = session_of(tiny_model, FORMS[0], ["reduce_axes_to_attribute", "older_ir_version"])
    assert session.changed == {"reduce_axes_to_attribute": norms, "older_ir_version": 1}
    read = onnx.load(session.path)
    assert (read.opset_import[0].version, read.ir_version) == (17, 8)
    means = [node for node in read.graph.node if node.op_type == "ReduceMean"]
    assert len(means) == norms
    for node in means:
        assert len(node.input) == 1
        assert {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}["axes"] == [-1]


def test_rms_norm_divides(tiny_model):
    graph = build_graph(tiny_model, FORMS[0])
    before = kinds(graph)
    changed = apply_rewrites(graph, ["divide_in_rms_norm"])["divide_in_rms_norm"]
    after = kinds(graph)
    assert changed == before["ReduceMean"] == before["Div"] == after["Div"]
    assert before["Mul"] - after["Mul"] == changed
    for node in graph.graph:
        if node.op_type == "Div":
            assert node.inputs[0].const_value is None, "nothing is divided into one any more"


def test_rms_norm_by_reciprocal_is_found_too():
    w = Writer("reciprocal")
    x, s = w.input("x", (2, 4)), w.input("s", (2, 1))
    scaled = w.op("Mul", [x, w.op("Reciprocal", [s], (2, 1))], (2, 4))
    w.output(w.op("Mul", [w.constant("weight", np.ones(4, np.float32)), scaled], (2, 4)), "y")
    model = w.model()
    assert apply_rewrites(model, ["divide_in_rms_norm"]) == {"divide_in_rms_norm": 1}
    assert kinds(model) == {"Div": 1, "Mul": 1}


def test_a_product_that_is_no_norm_is_left_alone():
    w = Writer("gate")
    x, y = w.input("x", (2, 4)), w.input("y", (2, 4))
    w.output(w.op("Mul", [x, w.op("Mul", [y, x], (2, 4))], (2, 4)), "z")
    model = w.model()
    assert apply_rewrites(model, ["divide_in_rms_norm"]) == {"divide_in_rms_norm": 0}
    assert kinds(model) == {"Mul": 2}


@pytest.mark.parametrize(("shape", "changed"), [((2, 4), 1), ((0, 4), 0)], ids=["plain", "with an empty dimension"])
def test_allowzero_goes_where_it_means_nothing(shape, changed):
    w = Writer("reshape")
    x = w.input("x", (shape[0] * 4,))
    w.output(w.op("Reshape", [x, w.ints(*shape)], shape, allowzero=1), "y")
    model = w.model()
    assert apply_rewrites(model, ["drop_allowzero"]) == {"drop_allowzero": changed}
    assert sum("allowzero" in node.attributes for node in model.graph) == 1 - changed


def test_only_masks_become_finite(tiny_model):
    graph = build_graph(tiny_model, FORMS[0])
    before = {name: value.const_value.numpy() for name, value in graph.graph.initializers.items()}
    assert apply_rewrites(graph, ["finite_mask"]) == {"finite_mask": 1}
    for name, value in graph.graph.initializers.items():
        if name != "mask":
            np.testing.assert_array_equal(value.const_value.numpy(), before[name])
    mask = graph.graph.initializers["mask"].const_value.numpy()
    assert mask.min() == FINITE_MASK and np.isfinite(mask.astype(np.float16)).all()
    np.testing.assert_array_equal(mask == 0, before["mask"] == 0)


def test_with_one_sequence_tokens_and_heads_are_swapped_in_three_dimensions(tiny_model):
    graph = build_graph(tiny_model, FORMS[0])
    assert apply_rewrites(graph, ["transpose_without_batch"]) == {"transpose_without_batch": 4 * 3}
    orders = Counter(tuple(node.attributes["perm"].as_ints()) for node in graph.graph if node.op_type == "Transpose")
    assert orders == {(1, 0, 2): 4 * 3, (0, 1, 3, 2): 3}


def test_with_more_sequences_the_swap_stays(tiny_model):
    graph = build_graph(tiny_model, Form("prefill", "layer", 12, batch=2))
    assert apply_rewrites(graph, ["transpose_without_batch"]) == {"transpose_without_batch": 0}


def test_wide_products_are_sliced_and_joined_in_order(tiny_model, session_of, monkeypatch):
    form, hidden = Form("decode", "head", 1), np.random.default_rng(0).normal(size=(1, 1, 64)).astype(np.float32)
    whole = session_of(tiny_model, form)(hidden=hidden)["logits"]
    monkeypatch.setattr(rewrites, "WIDEST_MATRIX_BYTES", 64 * 4 * 150)
    session = session_of(tiny_model, form, ["slice_wide_products"])
    assert session.changed == {"slice_wide_products": 1}
    np.testing.assert_allclose(session(hidden=hidden)["logits"], whole, atol=1e-6)
    products = [node for node in onnx.load(session.path).graph.node if node.op_type == "MatMul"]
    assert len(products) == 4, "512 columns, at most 150 a product"


@pytest.mark.parametrize("architecture", ["qwen3_moe", "qwen3_5"])
def test_what_newer_models_compute_stays_too(architecture, make_workload_of, reference_of, logits_of):
    model, workload = synthetic_model(TINY[architecture]), make_workload_of(70, 3, 1, 500)
    tokens = reference_of(model, workload).tokens
    plain = logits_of(model, workload, tokens)
    np.testing.assert_allclose(logits_of(model, workload, tokens, rewrites=list(REWRITES)), plain, atol=2e-5)


@pytest.mark.parametrize(("name", "architecture", "gone", "places"), [
    ("spread_by_comparison", "qwen3_moe", "ScatterElements", 3), ("convolve_in_two_dimensions", "qwen3_5", "", 3),
])  # fmt: skip
def test_what_nncase_refuses_is_written_otherwise(name, architecture, gone, places):
    graph = build_graph(synthetic_model(TINY[architecture]), Form("prefill", "whole", 70))
    assert apply_rewrites(graph, [name]) == {name: places}
    assert gone not in kinds(graph)
    assert {len(node.inputs[0].shape) for node in graph.graph if node.op_type == "Conv"} <= {4}


def test_every_rewrite_tells_why_and_where_it_was_seen():
    for name, rewrite in REWRITES.items():
        assert rewrite.name == name
        assert len(rewrite.reason) > 20 and rewrite.seen_with
