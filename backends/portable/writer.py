"""Write an ONNX graph node by node; every value has a static shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

OPSET = 18
IR_VERSION = 10

FLOAT = ir.DataType.FLOAT


class Writer:
    """A graph under construction. Names of nodes and values are unique and give their place in the model."""

    def __init__(self, name: str) -> None:
        self._graph_name = name
        self._inputs: list[ir.Value] = []
        self._outputs: list[ir.Value] = []
        self._nodes: list[ir.Node] = []
        self._constants: dict[str, ir.Value] = {}
        self._scope: list[str] = []
        self._used: set[str] = set()

    def scope(self, *parts: str) -> Writer:
        """Name what follows ``/part/part/...``; return self."""
        self._scope = list(parts)
        return self

    def input(self, name: str, shape: Sequence[int], dtype: ir.DataType = FLOAT) -> ir.Value:
        """Add an input of the graph."""
        value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(dtype))
        self._inputs.append(value)
        return value

    def output(self, value: ir.Value, name: str) -> None:
        """Make ``value`` an output called ``name``."""
        value.name = name
        self._outputs.append(value)

    def constant(self, name: str, array: np.ndarray) -> ir.Value:
        """Store a tensor in the graph, once per name; the array is not copied."""
        if name not in self._constants:
            tensor = ir.Tensor(array, name=name)
            self._constants[name] = ir.Value(
                name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
            )
        return self._constants[name]

    def deferred(self, name: str, shape: Sequence[int], make: Callable[[], np.ndarray]) -> ir.Value:
        """Add a float32 constant that is made on first use, so that the structure alone costs nothing."""
        if name not in self._constants:
            tensor = ir.LazyTensor(
                lambda: ir.Tensor(make(), name=name), dtype=FLOAT, shape=ir.Shape(shape), cache=True, name=name
            )
            self._constants[name] = ir.Value(
                name=name, shape=ir.Shape(shape), type=ir.TensorType(FLOAT), const_value=tensor
            )
        return self._constants[name]

    def ints(self, *values: int) -> ir.Value:
        """Return a constant vector of int64, shared between equal ones."""
        return self.constant("ints_" + "_".join(map(str, values)).replace("-", "m"), np.asarray(values, np.int64))

    def scalar(self, value: float) -> ir.Value:
        """Return a scalar float32 constant, shared between equal ones."""
        return self.constant(f"float_{value!r}", np.asarray(value, np.float32))

    def op(
        self,
        operator: str,
        inputs: Sequence[ir.Value],
        shape: Sequence[int],
        name: str = "",
        dtype: ir.DataType = FLOAT,
        **attributes: Any,
    ) -> ir.Value:
        """Add a node of the standard domain with one output of ``shape``."""
        unique = self._unique(name or operator)
        output = ir.Value(name=f"{unique}_out", shape=ir.Shape(shape), type=ir.TensorType(dtype))
        node = ir.node(operator, inputs, attributes=attributes, outputs=[output], name=unique)
        self._nodes.append(node)
        return output

    def top_k(self, x: ir.Value, count: int, shape: Sequence[int]) -> tuple[ir.Value, ir.Value]:
        """Add a TopK over the last dimension: the largest values, largest first, and their int64 places."""
        unique = self._unique("TopK")
        values = ir.Value(name=f"{unique}_values", shape=ir.Shape(shape), type=ir.TensorType(FLOAT))
        places = ir.Value(name=f"{unique}_places", shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.INT64))
        node = ir.node("TopK", [x, self.ints(count)], attributes={"axis": -1}, outputs=[values, places], name=unique)
        self._nodes.append(node)
        return values, places

    def model(self) -> ir.Model:
        """Return the finished model."""
        graph = ir.Graph(
            self._inputs,
            self._outputs,
            nodes=self._nodes,
            initializers=list(self._constants.values()),
            opset_imports={"": OPSET},
            name=self._graph_name,
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="chipassay")

    def _unique(self, leaf: str) -> str:
        base = "/" + "/".join([*self._scope, leaf])
        name, number = base, 1
        while name in self._used:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name)
        return name
