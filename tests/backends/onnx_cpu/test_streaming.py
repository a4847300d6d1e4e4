"""A streamed export is the builder's own: the same nodes, the same bytes of every weight."""

import numpy as np
import onnx
import onnx_ir
import pytest

from backends.onnx_cpu.backend import OnnxCpu
from backends.onnx_cpu.export import GRAPH, exported_graph, make_builder
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow


def quiet(text):
    pass


def resident_export(model, precision, folder):
    """Export as the builder does by itself, from a network that is whole in memory."""
    network = build_qwen(model, "float32", quiet)

    def derive(family):
        return type("Resident", (family,), {"load_weights": lambda self, path: network})

    builder = make_builder(network.config, precision, folder, derive)
    builder.make_model("")
    builder.save_model(str(folder))
    return folder / GRAPH


def contents(path):
    """Nodes in order, and weights by name, of a graph."""
    graph = onnx.load(path).graph
    nodes = []
    for node in graph.node:
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        nodes.append((node.name, node.op_type, node.domain, list(node.input), list(node.output), attributes))
    weights = {tensor.name: onnx_ir.from_proto(tensor) for tensor in graph.initializer}
    ends = [(end.name, end.type.SerializeToString()) for end in (*graph.input, *graph.output)]
    return nodes, weights, ends


@pytest.mark.parametrize("precision", OnnxCpu.precisions)
@pytest.mark.parametrize("architecture", OnnxCpu.architectures)
def test_a_streamed_export_is_the_builders_own(architecture, precision, tmp_path, capfd):
    model = synthetic_model(TINY[architecture])
    nodes, weights, ends = contents(resident_export(model, precision, tmp_path))
    streamed = contents(exported_graph(model, precision, 2, quiet)[0])
    assert sorted(streamed[0], key=str) == sorted(nodes, key=str)
    assert streamed[2] == ends
    assert streamed[1].keys() == weights.keys()
    for name, weight in weights.items():
        mine = streamed[1][name]
        assert (mine.dtype, mine.shape) == (weight.dtype, weight.shape), name
        assert np.array_equal(mine.numpy(), weight.numpy(), equal_nan=True), name
