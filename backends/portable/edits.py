"""Small edits of a graph that the rewrites are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir


def constant(value: ir.Value | None) -> np.ndarray:
    """Return the values of a constant."""
    assert value is not None and value.const_value is not None
    array: np.ndarray = value.const_value.numpy()
    return array


def sizes_of(value: ir.Value | None) -> list[int]:
    """Return the sizes of a value with a static shape."""
    assert value is not None and value.shape is not None
    return [int(size) for size in value.shape]


def like(value: ir.Value, name: str, sizes: Sequence[int]) -> ir.Value:
    """Return a value of the same type with another name and other sizes."""
    return ir.Value(name=name, shape=ir.Shape(sizes), type=value.type)


def constant_of(model: ir.Model, name: str, array: np.ndarray) -> ir.Value:
    """Return a new constant of the graph."""
    tensor = ir.Tensor(array, name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    model.graph.initializers[name] = value
    return value


def ints(model: ir.Model, name: str, values: Sequence[int]) -> ir.Value:
    """Return a new constant vector of int64."""
    return constant_of(model, name, np.asarray(values, np.int64))


def replace(model: ir.Model, node: ir.Node, by: Sequence[ir.Node]) -> None:
    """Put ``by`` in the place of ``node``; the last one's output takes over its name and its uses."""
    old, new = node.outputs[0], by[-1].outputs[0]
    model.graph.insert_before(node, by)
    name = old.name
    for user, position in list(old.uses()):
        user.replace_input_with(position, new)
    for position, value in enumerate(model.graph.outputs):
        if value is old:
            model.graph.outputs[position] = new
    model.graph.remove(node, safe=True)
    new.name = name


def drop_unused(model: ir.Model) -> None:
    """Remove nodes and constants that nothing reads any more."""
    outputs = {id(value) for value in model.graph.outputs}
    for node in reversed(list(model.graph)):
        if all(not value.uses() and id(value) not in outputs for value in node.outputs):
            model.graph.remove(node, safe=True)
    for name, value in list(model.graph.initializers.items()):
        if not value.uses():
            del model.graph.initializers[name]
