"""The recorded operator tables mapped to the graphs they were made from."""

from collections import Counter

import pytest

from backends.operators.count import count_graph
from backends.vendors.sophgo.final_mlir import read_operators
from backends.vendors.sophgo.placement import PlacedGraph, place_nodes, summarise
from tests.backends.vendors.sophgo.conftest import recorded

DECODE = "decode_layer.bm1684x.f16.final.mlir"


@pytest.fixture
def placed(recorded_graph):
    def go(text, phase="decode", tokens=1, past=37):
        graph = recorded_graph(phase, tokens, past)
        return graph, place_nodes(graph, read_operators(text))

    return go


@pytest.mark.parametrize(
    "name, form", [(DECODE, ("decode", 1, 37)), ("prefill_layer.bm1688.f16.final.mlir", ("prefill", 32, 0))]
)
def test_every_node_of_a_layer_is_accounted_for(placed, name, form):
    graph, nodes = placed(recorded(name), *form)
    assert len(nodes) == len(list(graph.graph))
    assert {node.where for node in nodes} == {"accelerator"}


def test_a_norm_is_one_operator_and_its_parts_say_so(placed):
    _, nodes = placed(recorded(DECODE))
    norm = [node for node in nodes if "input_layernorm" in node.output]
    assert [(node.operator, node.became) for node in norm] == [
        *((part, "part of tpu.RMSNorm") for part in ("Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul")),
        ("Mul", "tpu.RMSNorm"),
    ]


def test_a_product_that_moves_to_the_processor_takes_along_what_was_taken_into_it(placed):
    text = recorded(DECODE)
    softmax = next(line for line in text.splitlines() if '"tpu.Softmax"' in line)
    _, nodes = placed(text.replace(softmax, softmax.replace("tpu.Softmax", "tpu.GenericCpu")))
    assert Counter(node.where for node in nodes) == {"accelerator": len(nodes) - 1, "host": 1}
    _, nodes = placed(text.replace("run_mode TPU_STATIC", "run_mode CPU"))
    assert {node.where for node in nodes} == {"host"}


def test_what_the_table_does_not_account_for_is_unknown(placed):
    text = recorded(DECODE).replace("present.0.value_Transpose", "something_else")
    _, nodes = placed(text)
    # Its reshape was taken into the output, and is now as unknown as that; the projection has an entry of its own.
    assert [(node.operator, node.output, node.where) for node in nodes if node.where != "accelerator"] == [
        ("Reshape", "/model/layers.0/self_attn/Reshape_3_out", "unknown"),
        ("Transpose", "present.0.value", "unknown"),
    ]


def test_the_summary_is_of_the_whole_model(placed):
    graph, nodes = placed(recorded(DECODE))
    costs = count_graph(graph, 2.0)
    found = summarise([PlacedGraph(("decode",), 28, nodes, costs)], "the table")
    by_operator = {one.operator: one for one in found}
    assert sum(one.count for one in found) == 28 * len(nodes)
    assert sum(one.flops for one in found) == pytest.approx(28 * sum(cost.flops for cost in costs))
    assert sum(one.bytes_moved for one in found) == pytest.approx(28 * sum(cost.bytes_moved for cost in costs))
    assert by_operator["Softmax"].note == "28 tpu.Softmax"
    assert by_operator["Sigmoid"].note == "28 part of tpu.Active"
    assert {(one.evidence, one.source, one.where) for one in found} == {("compiled", "the table", "accelerator")}


def test_graphs_of_both_phases_count_in_both(placed):
    graph, nodes = placed(recorded(DECODE))
    found = summarise([PlacedGraph(("prefill", "decode"), 1, nodes, count_graph(graph, 2.0))], "the table")
    assert Counter(one.phase for one in found) == {"prefill": len(found) // 2, "decode": len(found) // 2}
