"""Ask the installed toolchains about the parts of newer models: ``python -m tests.backends.vendors.ask_parts TOOL``.

One layer of each kind, decode step and prefill, small; and every operator of it that Qwen2 and Qwen3 do not have,
alone, as it stands in the graph. What a tool says is printed as JSON lines, for ``operators.yaml`` of its folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from backends.common.errors import ChipassayError
from backends.portable.export import LOWEST, Form, build_graph, save_graph
from backends.portable.rewrites import apply_rewrites
from backends.qwen.channels import Experts
from backends.qwen.mixers import DeltaNet
from backends.qwen.model import ModelSpec
from backends.qwen.synthetic import synthetic_model
from backends.toolchains import environment_of, find_toolchain
from backends.vendors.base.layerwise import Arrays, Probe, VendorTool

SMALL = ModelSpec("small", "qwen3", 256, 768, 1, 4, 2, 64, 1021, True, 1e6, 1e-6, 8192)
DELTA = DeltaNet(2, 4, 64, 64, 4)
KINDS: dict[str, tuple[ModelSpec, int]] = {
    "attention, experts": (replace(SMALL, architecture="qwen3_moe", experts=Experts(16, 4, 128)), 0),
    "DeltaNet, dense": (
        replace(SMALL, architecture="qwen3_5", layers=4, full_every=4, rotary_fraction=0.25, delta=DELTA), 0,
    ),
    "gated attention, dense": (
        replace(SMALL, architecture="qwen3_5", layers=4, full_every=4, rotary_fraction=0.25, delta=DELTA), 3,
    ),
    "DeltaNet, experts and a shared one": (
        replace(SMALL, architecture="qwen3_next", layers=4, full_every=4, rotary_fraction=0.25, intermediate_size=0,
                delta=replace(DELTA, fused=True), experts=Experts(16, 4, 128, 192)), 0,
    ),
}  # fmt: skip
FORMS = {"decode": (1, 63), "prefill": (64, 0), "prefill of three chunks": (130, 0)}


def tool_of(name: str, precision: str) -> VendorTool:
    """The vendor's tool for one chip."""
    environment = environment_of(find_toolchain(name))
    if name == "tpu-mlir":
        from backends.vendors.sophgo.chips import CHIPS
        from backends.vendors.sophgo.commands import Commands
        from backends.vendors.sophgo.tool import TpuMlirTool

        return TpuMlirTool(Commands(environment, lambda _: None), CHIPS["bm1684x"], precision)
    from backends.vendors.base.driven import Driver

    if name == "rknn":
        from backends.vendors.rockchip.tool import DRIVER, RknnTool

        return RknnTool(Driver(environment, DRIVER, lambda _: None), "rk3588", precision)
    from backends.vendors.canaan.tool import DRIVER as CANAAN
    from backends.vendors.canaan.tool import NncaseTool

    return NncaseTool(Driver(environment, CANAAN, lambda _: None), "k230", precision)


def inputs_of(graph: ir.Graph) -> Arrays:
    """Values of the size that the model has there."""
    random = np.random.default_rng(0)
    arrays: Arrays = {}
    for value in graph.inputs:
        shape = tuple(int(size) for size in value.shape or ())
        if value.dtype == ir.DataType.INT64:
            arrays[str(value.name)] = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape) % 4
        elif value.name == "mask":
            arrays["mask"] = np.zeros(shape, np.float32)
            arrays["mask"][..., 40:-1] = max(LOWEST, -1e4)
        else:
            arrays[str(value.name)] = random.normal(size=shape).astype(np.float32)
    return arrays


def alone(node: ir.Node) -> ir.Model:
    """A graph of one node, with its constants, and inputs as its others are."""
    constants, inputs, given = [], [], []
    for value in node.inputs:
        assert value is not None
        own = ir.Value(name=value.name, shape=value.shape, type=value.type)
        if value.const_value is not None:
            own.const_value = ir.Tensor(value.const_value.numpy(), name=value.name)
            constants.append(own)
        elif own.name not in [one.name for one in inputs]:
            inputs.append(own)
        given.append(own)
    outputs = [ir.Value(name=f"out{number}", shape=value.shape, type=value.type)
               for number, value in enumerate(node.outputs)]  # fmt: skip
    copy = ir.node(node.op_type, given, attributes=node.attributes, outputs=outputs, name="/alone")
    graph = ir.Graph(inputs, outputs, nodes=[copy], initializers=constants, opset_imports={"": 18}, name="alone")
    return ir.Model(graph, ir_version=10)


def ask(tool: VendorTool, model: ir.Model, name: str, folder: Path) -> dict[str, Any]:
    """Compile and simulate; how close the simulation is to ONNX Runtime, or what the tool said."""
    apply_rewrites(model, tool.rewrites)
    path = folder / f"{name}.onnx"
    save_graph(model, path)
    inputs = inputs_of(model.graph)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = dict(zip([one.name for one in session.get_outputs()], session.run(None, inputs), strict=True))
    began = time.monotonic()
    answer: dict[str, Any] = {"nodes": len(list(model.graph))}
    try:
        compiled = tool.compile(path, name, Probe({name: [inputs]}, {name: [outputs]}))
        answer |= {"result": "ok", "cycles": compiled.cycles, "dram_bytes": compiled.dram_bytes}
        if hasattr(tool, "compiled"):
            from backends.vendors.sophgo.placement import place_nodes

            rows = place_nodes(ir.load(path), tool.compiled[name].operators)
            answer["placed"] = sorted(
                {f"{row.operator}: {row.where} {row.became}" for row in rows if row.where != "accelerator"}
            )
        for key in ("cpu_operators", "kpu_operators"):
            if key in compiled.details:
                answer[key] = compiled.details[key]
        found = tool.simulate(name, inputs)
        answer["error"] = {
            key: round(float(np.abs(found[key] - exact).max() / max(1e-9, np.abs(exact).max())), 6)
            for key, exact in outputs.items()
        }
    except ChipassayError as error:
        answer["simulation" if "result" in answer else "result"] = "rejected"
        answer["detail"] = str(error)
    return {**answer, "seconds": round(time.monotonic() - began, 1)}


def cases(wanted: str) -> Iterator[tuple[str, ir.Model]]:
    """Layers, then each of their operators alone, once a form."""
    seen: set[tuple[Any, ...]] = set()
    usual = {(node.op_type, len(node.outputs[0].shape or ())) for node in _layer(SMALL, 0, "decode").graph}
    for kind, (spec, number) in KINDS.items():
        for form in FORMS:
            if wanted in ("layers", "both") and not (form.endswith("chunks") and kind != "DeltaNet, dense"):
                yield f"{kind}; {form}", _layer(spec, number, form)
            if wanted == "layers":
                continue
            for node in _layer(spec, number, form).graph:
                key = (node.op_type, len(node.outputs[0].shape or ()))
                if key not in seen | usual:
                    seen.add(key)
                    yield f"{node.op_type} in {node.name} ({form})", alone(node)


def _layer(spec: ModelSpec, number: int, form: str) -> ir.Model:
    tokens, past = FORMS[form]
    phase: Any = form.split(maxsplit=1)[0]
    return build_graph(synthetic_model(spec), Form(phase, "layer", tokens, past, layer=number))


def main() -> None:
    """Ask the toolchain named first; ``layers``, ``alone`` or ``both``, and a precision, may follow."""
    name, wanted, precision = (*sys.argv[1:], "both", "float16")[:3]
    for number, (title, model) in enumerate(cases(wanted)):
        with tempfile.TemporaryDirectory(prefix="chipassay-ask-") as folder:
            tool = tool_of(name, precision)
            try:
                answer = ask(tool, model, f"case{number}", Path(folder))
            finally:
                tool.close()
        print(json.dumps({"case": title, **answer}), flush=True)


if __name__ == "__main__":
    main()
