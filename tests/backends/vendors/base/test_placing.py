"""Nodes of a graph placed by a compiler's rows of what it left to the CPU: shares stay whole, whatever the rows."""

from math import prod

import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.operators import Place
from backends.operators.count import count_graph, element_bytes
from backends.portable.export import Form, build_graph, save_graph
from backends.qwen.synthetic import synthetic_model
from backends.vendors.base.placing import HostRow, place_graph, whole_model

NPU = Place("accelerator", "compiled", "the table")
CPU = Place("host", "compiled", "the table", "on the chip's CPU")


@pytest.fixture(scope="module")
def spec(make_spec):
    return make_spec(layers=3)


@pytest.fixture(scope="module")
def graph(spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("placing") / "prefill_layer.onnx"
    save_graph(build_graph(synthetic_model(spec), Form("prefill", "layer", 12)), path)
    return path


@pytest.fixture(scope="module")
def rows(graph):
    """One row for every node, as if all were left to the CPU."""
    nodes = ir.load(graph).graph
    return [HostRow(node.op_type, (node.op_type,), prod(map(int, node.outputs[0].shape))) for node in nodes]


def place(graph, rows, copies=3):
    return place_graph(graph, rows, NPU, lambda row: CPU, "float16", ("prefill",), copies)


def test_without_rows_everything_is_on_the_accelerator(graph):
    assert {found.where for _, found in place(graph, []).nodes} == {"accelerator"}


def test_a_row_takes_one_node_of_its_kind_and_size(graph, spec):
    softmax = HostRow("exSoftmax13", ("Softmax",), spec.attention_heads * 12 * 12)
    placed = place(graph, [softmax])
    assert [cost.operator for cost, found in placed.nodes if found.where == "host"] == ["Softmax"]
    assert placed.extra == ()


@pytest.mark.parametrize(
    "row", [HostRow("Softmax", ("Softmax",), 7), HostRow("Cast", (), 144), HostRow("Gelu", ("Gelu",), 576)]
)
def test_a_row_without_a_node_is_the_compilers_own_and_has_no_share(graph, spec, make_workload_of, row):
    placed = place(graph, [row])
    assert {found.where for _, found in placed.nodes} == {"accelerator"}
    found = whole_model([placed], spec, make_workload_of(), "float16")
    (own,) = [one for one in found if one.note.startswith("put in by the compiler")]
    assert (own.operator, own.count, own.flops, own.bytes_moved, own.where) == (row.operator, 3, 0, 0, "host")


def test_rows_of_every_node_leave_nothing_to_the_accelerator(graph, rows):
    placed = place(graph, rows)
    assert {found.where for _, found in placed.nodes} == {"host"} and placed.extra == ()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_shares_always_add_up_to_the_model(graph, rows, spec, make_workload_of, data):
    chosen = data.draw(st.lists(st.sampled_from(rows), max_size=2 * len(rows)))
    found = whole_model([place(graph, chosen)], spec, make_workload_of(), "float16")
    costs = count_graph(ir.load(graph), *element_bytes("float16"))
    inside = [one for one in found if one.operator != "Gather" and one.phase == "prefill"]
    assert sum(one.flops for one in inside) == 3 * sum(cost.flops for cost in costs)
    assert sum(one.bytes_moved for one in inside) == pytest.approx(3 * sum(cost.bytes_moved for cost in costs))
    real = [one for one in inside if not one.note.startswith("put in")]
    assert sum(one.count for one in real) == 3 * len(costs)
    assert sum(one.count for one in inside if one.where == "host") == 3 * len(chosen)


def test_the_embedding_is_looked_up_on_the_host(graph, spec, make_workload_of):
    found = whole_model([place(graph, [])], spec, make_workload_of(prompt_tokens=12), "float16")
    gathers = {one.phase: one for one in found if one.operator == "Gather"}
    assert {one.where for one in gathers.values()} == {"host"}
    assert gathers["prefill"].bytes_moved == 12 * gathers["decode"].bytes_moved
