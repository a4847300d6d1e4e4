"""Counted FLOPs and bytes: against the model's own formulas, against numbers worked out by hand, and as laws."""

import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.common.errors import InputError, UnavailableError
from backends.operators import Place, place_nodes
from backends.operators.count import count_graph, count_model, element_bytes, sum_by_operator
from backends.operators.parts import sum_by_part
from backends.portable.export import Form, build_graph
from backends.portable.families import PORTABLE
from backends.portable.writer import Writer
from backends.qwen.channels import Experts
from backends.qwen.mixers import DeltaNet
from backends.qwen.model import Model, ModelSpec
from tests.backends.qwen.families import TINY

ACCELERATOR = Place("accelerator", "compiled", "a table")
HOST = Place("host", "compiled", "a table")


@st.composite
def specs(draw):
    kv_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return ModelSpec(
        name="any",
        architecture=draw(st.sampled_from(["qwen2", "qwen3"])),
        hidden_size=8 * draw(st.integers(1, 6)),
        intermediate_size=8 * draw(st.integers(1, 9)),
        layers=draw(st.integers(1, 4)),
        attention_heads=kv_heads * group,
        kv_heads=kv_heads,
        head_dim=2 * draw(st.integers(1, 8)),
        vocab_size=draw(st.integers(2, 90)),
        tied_embeddings=draw(st.booleans()),
        rope_theta=1e6,
        rms_norm_eps=1e-6,
        max_positions=512,
    )


def products(costs):
    return sum(cost.flops * cost.copies for cost in costs if cost.operator == "MatMul")


@settings(max_examples=40, deadline=None)
@given(spec=specs(), prompt=st.integers(1, 40), context=st.integers(1, 60), batch=st.integers(1, 3))
def test_products_add_up_to_what_the_model_says(spec, prompt, context, batch):
    decode = count_model(spec, prompt, context, "decode", "float16", batch)
    assert products(decode) == batch * spec.decode_flops(context)
    prefill = count_model(spec, prompt, context, "prefill", "float16", batch)
    # A static graph computes the whole square of scores; the causal count has its lower triangle, diagonal included.
    above_diagonal = 4 * spec.layers * spec.attention_width * (prompt * (prompt - 1) // 2)
    assert products(prefill) == batch * (spec.prefill_flops(prompt) + above_diagonal)


@settings(max_examples=15, deadline=None)
@given(spec=specs(), tokens=st.integers(1, 20), phase=st.sampled_from(["prefill", "decode"]))
def test_layer_and_ends_are_the_whole_graph(spec, tokens, phase):
    form = Form("prefill", "whole", tokens) if phase == "prefill" else Form("decode", "whole", 1, tokens - 1)
    whole = count_graph(build_graph(Model(spec, ""), form), 2)
    assert sum_by_operator(count_model(spec, tokens, tokens, phase, "float16")) == sum_by_operator(whole)


@settings(max_examples=15, deadline=None)
@given(spec=specs(), width=st.sampled_from([1.0, 2.0, 4.0]))
def test_bytes_grow_with_the_width_of_an_element_and_flops_do_not(spec, width):
    graph = build_graph(Model(spec, ""), Form("prefill", "layer", 5))
    one, wide = count_graph(graph, 1.0), count_graph(graph, width)
    integers = {"Reshape", "Slice", "Unsqueeze", "Expand", "ReduceMean"}  # their shapes and axes stay int64
    for thin, thick in zip(one, wide, strict=True):
        assert thin.flops == thick.flops
        if thin.operator not in integers:
            assert thick.bytes_moved == width * thin.bytes_moved


@settings(max_examples=15, deadline=None)
@given(spec=specs(), context=st.integers(2, 40))
def test_every_weight_is_read_once_in_a_decode_step(spec, context):
    step = count_model(spec, 1, context, "decode", "float32")
    matrices = sum(
        node.copies * (node.bytes_moved - 4 * own)
        for node in step
        for own in [activations(spec, node.name)]
        if node.operator == "MatMul" and own
    )
    assert matrices == 4 * spec.matmul_parameters


def activations(spec, name):
    """Elements in and out of each projection on one token; 0 for the products of attention."""
    wide, query, kv, inner = spec.hidden_size, spec.attention_width, spec.kv_width, spec.intermediate_size
    sizes = {
        "q_proj": wide + query, "k_proj": wide + kv, "v_proj": wide + kv, "o_proj": query + wide,
        "gate_proj": wide + inner, "up_proj": wide + inner, "down_proj": inner + wide,
        "lm_head": wide + spec.vocab_size,
    }  # fmt: skip
    return next((size for part, size in sizes.items() if f"/{part}/" in name), 0)


def test_the_embedding_reads_rows_not_its_table(make_spec):
    spec = make_spec(vocab_size=500)
    gather = count_model(spec, 7, 20, "prefill", "float16")[0]
    assert gather.operator == "Gather"
    assert gather.bytes_moved == 2 * (2 * 7 * spec.hidden_size) + 7 * 8  # rows read and written, int64 ids
    assert gather.flops == 0


def node_cost(operator, inputs, shape, width=2.0, matrix=None, **attributes):
    w = Writer("one")
    values = [w.input(f"x{n}", sizes) for n, sizes in enumerate(inputs)]
    w.output(w.op(operator, values, shape, **attributes), "y")
    (cost,) = count_graph(w.model(), width, matrix)
    return cost


@pytest.mark.parametrize(
    ("operator", "inputs", "shape", "flops", "elements"),
    [
        ("MatMul", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), 2 * 2 * 3 * 4 * 5, 24 + 40 + 30),
        ("Gemm", [(3, 4), (4, 5), (5,)], (3, 5), 2 * 60 + 15, 12 + 20 + 5 + 15),
        ("Add", [(3, 4), (4,)], (3, 4), 12, 12 + 4 + 12),
        ("Softmax", [(2, 6)], (2, 6), 60, 24),
        ("ReduceMean", [(3, 8)], (3, 1), 24, 24 + 3),
        ("Transpose", [(3, 8)], (8, 3), 0, 48),
        ("Slice", [(3, 100)], (3, 2), 0, 12),
    ],
)
def test_a_node_costs_what_one_works_out_by_hand(operator, inputs, shape, flops, elements):
    cost = node_cost(operator, inputs, shape)
    assert (cost.flops, cost.bytes_moved) == (flops, 2 * elements)


def test_a_transposed_gemm_multiplies_along_its_other_axis():
    assert node_cost("Gemm", [(4, 3), (4, 5)], (3, 5), transA=1).flops == 2 * 3 * 4 * 5


def test_one_tensor_read_twice_by_a_node_is_moved_once():
    w = Writer("square")
    x = w.input("x", (5,))
    w.output(w.op("Mul", [x, x], (5,)), "y")
    (cost,) = count_graph(w.model(), 4)
    assert cost.bytes_moved == 4 * 10


def test_quantised_matrices_are_small_and_all_else_is_not(make_spec):
    spec = make_spec()
    sixteen, four = ({c.name: c.bytes_moved for c in count_model(spec, 4, 9, "decode", p)} for p in ("float16", "int4"))
    changed = {name for name in sixteen if sixteen[name] != four[name]}
    assert {name.split("/")[-2] for name in changed} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"
    }  # fmt: skip
    down = "/model/layers.0/mlp/down_proj/MatMul"
    assert sixteen[down] - four[down] == pytest.approx((2 - 0.5 - 4 / 32) * spec.hidden_size * spec.intermediate_size)


@pytest.mark.parametrize(("precision", "sizes"), [("float32", (4, 4)), ("bfloat16", (2, 2)), ("int8", (2, 1.125))])
def test_sizes_of_elements(precision, sizes):
    assert element_bytes(precision) == sizes


def test_what_cannot_be_counted_is_an_error_that_says_so():
    with pytest.raises(InputError, match="cannot count the operator GroupNorm"):
        node_cost("GroupNorm", [(3, 4)], (3, 4))
    value = ir.Value(name="x", shape=ir.Shape(["batch", 4]), type=ir.TensorType(ir.DataType.FLOAT))
    out = ir.Value(name="y", shape=ir.Shape([3, 4]), type=ir.TensorType(ir.DataType.FLOAT))
    node = ir.node("Softmax", [value], outputs=[out], name="s")
    graph = ir.Graph([value], [out], nodes=[node], opset_imports={"": 18}, name="dynamic")
    with pytest.raises(InputError, match=r"node s \(Softmax\): the shape of y|shape of x"):
        count_graph(ir.Model(graph, ir_version=10), 2)


@pytest.mark.parametrize("size", ["4096 tokens", "32768 tokens"])
def test_a_large_model_is_counted_without_making_a_weight(make_spec, monkeypatch, size):
    from backends.qwen import weights

    def refuse(*_):
        raise AssertionError("a weight was made")

    monkeypatch.setattr(weights, "fill", refuse)
    spec = make_spec(hidden_size=5120, intermediate_size=25600, layers=64, attention_heads=64, kv_heads=8,
                     head_dim=128, vocab_size=151936, tied_embeddings=False)  # fmt: skip
    tokens = int(size.split()[0])
    assert products(count_model(spec, tokens, tokens, "decode", "int4")) == spec.decode_flops(tokens)
    assert products(count_model(spec, tokens, tokens, "prefill", "int4")) > spec.prefill_flops(tokens)


@settings(max_examples=15, deadline=None)
@given(spec=specs(), cut=st.integers(0, 70))
def test_placing_nodes_loses_and_doubles_nothing(spec, cut):
    costs = count_model(spec, 6, 9, "prefill", "float16")
    places = {cost.name: HOST if number < cut else ACCELERATOR for number, cost in enumerate(costs)}
    placed = place_nodes("prefill", costs, lambda cost: places[cost.name])
    for field, total in (("count", sum(c.copies for c in costs)), ("flops", sum(c.copies * c.flops for c in costs))):
        assert sum(getattr(one, field) for one in placed) == total
    assert sum(p.bytes_moved for p in placed) == pytest.approx(sum(c.copies * c.bytes_moved for c in costs))
    assert len({(p.operator, p.where) for p in placed}) == len(placed)
    on_host = sum(c.copies for c in costs[:cut])
    assert sum(p.count for p in placed if p.where == "host") == on_host


@pytest.mark.parametrize("architecture", PORTABLE)
def test_a_step_of_every_family_multiplies_what_its_formulas_say(architecture):
    spec = TINY[architecture]
    step = count_model(spec, 70, 80, "decode", "float32")
    # The graph scales the state in a Mul (1 of the 7 operations an element) and adds experts up in a product.
    deltas = [layer.mixer for layer in spec.all_layers() if isinstance(layer.mixer, DeltaNet)]
    scaled = sum(one.value_heads * one.key_dim * one.value_dim for one in deltas)
    routed = sum(isinstance(layer.channel, Experts) for layer in spec.all_layers())
    added = 2 * spec.experts.per_token * spec.hidden_size * routed if spec.experts else 0
    assert products(step) == spec.decode_flops(80) - scaled + added


def test_a_prompt_computes_every_expert_for_every_token():
    spec, tokens = TINY["qwen3_moe"], 70
    prefill = {one.part: one for one in sum_by_part(count_model(spec, tokens, tokens, "prefill", "float32"))}
    experts = spec.experts
    whole = 2 * tokens * spec.layers * experts.count * 3 * spec.hidden_size * experts.width
    assert whole < prefill["experts"].flops < 1.1 * whole


def test_a_step_copies_the_chosen_experts_and_reads_the_copies():
    spec = TINY["qwen3_moe"]
    step = count_model(spec, 70, 80, "decode", "int4")
    gathered = [one for one in step if one.operator == "Gather" and "experts" in one.name]
    matrices = spec.experts.per_token * 3 * spec.hidden_size * spec.experts.width * element_bytes("int4")[1]
    indices = 8 * spec.experts.per_token * len(gathered)
    assert sum(one.bytes_moved for one in gathered) == 2 * matrices + indices
    read = sum(one.bytes_moved for one in step if one.operator == "MatMul" and "/experts/" in one.name)
    assert matrices < read < 1.5 * matrices


@pytest.mark.parametrize(("architecture", "parts"), [
    ("qwen2", ["embedding", "attention", "dense", "norms", "head"]),
    ("qwen3_moe", ["embedding", "attention", "router", "experts", "norms", "head"]),
    ("qwen3_5", ["embedding", "attention", "deltanet", "dense", "norms", "head"]),
    ("qwen3_next", ["embedding", "attention", "deltanet", "router", "experts", "shared_expert", "norms", "head"]),
])  # fmt: skip
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_every_node_belongs_to_a_part(architecture, parts, phase):
    costs = count_model(TINY[architecture], 70, 80, phase, "float16")
    found = sum_by_part(costs)
    assert [one.part for one in found] == parts
    assert sum(one.flops for one in found) == pytest.approx(sum(c.copies * c.flops for c in costs))
    assert sum(one.count for one in found) == sum(c.copies for c in costs)
    routing = next((one.operators for one in found if one.part == "router"), ("TopK",))
    assert "TopK" in routing


def test_an_architecture_without_a_portable_graph_is_named():
    with pytest.raises(UnavailableError, match="no portable graph is written for qwen4_exp"):
        count_model(TINY["qwen4_exp"], 4, 5, "prefill", "float32")
