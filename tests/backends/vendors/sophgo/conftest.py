"""Recorded outputs of tpu-mlir 1.30.2, the graphs they were recorded from, and stand-ins for its programs."""

import sys
from pathlib import Path

import pytest

from backends.portable.export import Form, build_graph
from backends.portable.rewrites import apply_rewrites
from backends.qwen.synthetic import synthetic_model
from backends.toolchains import ToolEnvironment, find_toolchain
from backends.vendors.base.layerwise import Probe, cut_to_one_layer
from backends.vendors.sophgo.chips import CHIPS
from backends.vendors.sophgo.commands import Commands
from backends.vendors.sophgo.tool import TpuMlirTool

RECORDED = Path(__file__).parent / "recorded"

PROGRAMS = {
    "model_transform.py": """
        option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
        open(option["--mlir"], "w").write("module {}")
        open("top.npz", "w").write("tensors")
        print("51 compared")
    """,
    "model_deploy.py": """
        option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
        shutil.copy(RECORDED + "/decode_layer.bm1684x.f16.profile_0.txt", "compiler_profile_0.txt")
        name = option["--model"].removesuffix(".bmodel")
        shutil.copy(RECORDED + "/decode_layer.bm1684x.f16.final.mlir", name + "_bm1684x_f16_final.mlir")
        open(option["--model"], "w").write("the chip's program")
    """,
    "model_runner.py": """
        import numpy, onnxruntime
        option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
        session = onnxruntime.InferenceSession("../" + option["--model"].removesuffix(".bmodel") + ".onnx")
        with numpy.load(option["--input"]) as given:
            found = session.run(None, {name: given[name] for name in given.files})
        names = ["hidden_out_Add", "present.0.key_Add_f32", "present.0.value_Transpose_f32"]
        numpy.savez(option["--output"], **dict(zip(names, found)))
    """,
    "model_tool": """
        print(open(RECORDED + "/decode_layer.bm1684x.f16.info.txt").read())
    """,
}


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


@pytest.fixture(scope="session")
def recorded_model(make_spec):
    """The model whose graphs the outputs were recorded from."""
    spec = make_spec(hidden_size=256, intermediate_size=768, head_dim=64, vocab_size=1024)
    return cut_to_one_layer(synthetic_model(spec))


@pytest.fixture(scope="session")
def recorded_graph(recorded_model):
    """The graph given to the compiler, as it was."""

    def build(phase, tokens, past_tokens=0):
        graph = build_graph(recorded_model, Form(phase, "layer", tokens, past_tokens))
        apply_rewrites(graph, TpuMlirTool.rewrites)
        return graph

    return build


@pytest.fixture
def make_tool(tmp_path):
    """tpu-mlir with programs of ours in the vendor's places; ``changed`` gives other bodies to some of them."""

    def make(precision="float16", **changed):
        folder = tmp_path / "environment"
        package = folder / "lib" / "python3.10" / "site-packages" / "tpu_mlir"
        for name, body in {**PROGRAMS, **{key.replace("__", "."): body for key, body in changed.items()}}.items():
            place = package / ("bin" if name == "model_tool" else "python/tools") / name
            place.parent.mkdir(parents=True, exist_ok=True)
            lines = [line.removeprefix(" " * 8) for line in body.splitlines()]
            head = [f"#!{sys.executable}", "import os, shutil, signal, sys, time", f"RECORDED = {str(RECORDED)!r}"]
            place.write_text("\n".join([*head, *lines, ""]))
            place.chmod(0o755)
        python = folder / "bin" / "python"
        python.parent.mkdir(exist_ok=True)
        python.write_text(f'#!/bin/sh\nunset PYTHONPATH LD_LIBRARY_PATH\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        said = []
        commands = Commands(ToolEnvironment(find_toolchain("tpu-mlir"), folder), said.append)
        tool = TpuMlirTool(commands, CHIPS["bm1684x"], precision)
        tool.said = said
        return tool

    return make


@pytest.fixture
def probe(recorded_model):
    """Inputs of one decode step, zero, and a name of each output."""
    import numpy as np

    spec = recorded_model.spec
    shapes = {"hidden": (1, 1, spec.hidden_size), "cos": (1, 1, 1, 64), "sin": (1, 1, 1, 64), "mask": (1, 1, 1, 38)}
    shapes |= {f"past.0.{kind}": (1, 2, 37, 64) for kind in ("key", "value")}
    inputs = {name: np.full(shape, 0.25, np.float32) for name, shape in shapes.items()}
    return Probe({"decode_layer": [inputs]}, {"decode_layer": [{"hidden_out": np.zeros(1)}]})


@pytest.fixture
def onnx_file(recorded_graph, tmp_path):
    """The decode step's layer as a file."""
    from backends.portable.export import save_graph

    save_graph(recorded_graph("decode", 1, 37), tmp_path / "decode_layer.onnx")
    return tmp_path / "decode_layer.onnx"
