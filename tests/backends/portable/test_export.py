"""The portable export computes what transformers computes, with standard operators and static shapes alone."""

import numpy as np
import onnx
import pytest

from backends.portable.attention import rotary_tables
from backends.portable.export import Form, GraphTooLargeError, build_graph, save_graph
from backends.portable.writer import OPSET
from backends.qwen.config import config_dict
from backends.qwen.synthetic import synthetic_model

STANDARD = {
    "Add", "Concat", "Div", "Expand", "Gather", "MatMul", "Mul", "Neg", "Pow", "ReduceMean", "Reshape", "Sigmoid",
    "Slice", "Softmax", "Sqrt", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip
TOLERANCE = 1e-4


@pytest.mark.parametrize("cache", ["rows", "buffer"])
def test_prefill_and_decode_agree_with_the_reference(tiny_model, make_workload_of, reference_of, logits_of, cache):
    workload = make_workload_of(batch=2)
    reference = reference_of(tiny_model, workload)
    logits = logits_of(tiny_model, workload, reference.tokens, cache)
    np.testing.assert_allclose(logits, reference.logits, atol=TOLERANCE)
    assert (logits.argmax(-1) == reference.tokens).all()


@pytest.mark.parametrize(
    "changes",
    [{"kv_heads": 4}, {"attention_heads": 8, "kv_heads": 1}, {"tied_embeddings": False}, {"layers": 1}],
    ids=["one query head a key head", "one key head for all", "untied head", "one layer"],
)
def test_every_shape_of_model_agrees(make_spec, make_workload_of, reference_of, logits_of, changes):
    model, workload = synthetic_model(make_spec(**changes)), make_workload_of(output_tokens=3)
    reference = reference_of(model, workload)
    np.testing.assert_allclose(logits_of(model, workload, reference.tokens), reference.logits, atol=TOLERANCE)


def test_a_checkpoint_is_exported_like_the_synthetic_weights_it_was_written_from(
    make_spec, make_workload_of, reference_of, logits_of, write_checkpoint, tmp_path
):
    from backends.qwen.checkpoint import read_checkpoint

    synthetic, workload = synthetic_model(make_spec()), make_workload_of(output_tokens=3)
    loaded = read_checkpoint(write_checkpoint(tmp_path / "checkpoint", synthetic))
    tokens = reference_of(synthetic, workload).tokens
    one, other = (logits_of(model, workload, tokens) for model in (synthetic, loaded))
    np.testing.assert_array_equal(one, other)


def test_a_layer_and_the_head_make_the_same_as_the_whole(make_spec, make_workload_of, session_of):
    model, workload = synthetic_model(make_spec(layers=1)), make_workload_of()
    ids = np.asarray(workload.prompt_ids)
    whole = session_of(model, Form("prefill", "whole", workload.prompt_tokens))(input_ids=ids)
    layer = session_of(model, Form("prefill", "layer", workload.prompt_tokens))
    head = session_of(model, Form("decode", "head", 1))
    from backends.qwen.weights import weight_reader

    hidden = weight_reader(model)("model.embed_tokens.weight")[ids]
    out = layer(hidden=hidden)
    np.testing.assert_allclose(head(hidden=out["hidden_out"][:, -1:])["logits"], whole["logits"], atol=1e-6)
    np.testing.assert_allclose(out["present.0.key"], whole["present.0.key"], atol=1e-6)


@pytest.mark.parametrize("form", [
    Form("prefill", "whole", 12), Form("decode", "whole", 1, 20), Form("prefill", "layer", 12),
    Form("decode", "layer", 1, 20), Form("decode", "head", 1), Form("decode", "whole", 1, 20, cache="buffer"),
], ids=lambda form: f"{form.name}-{form.cache}")  # fmt: skip
def test_only_standard_operators_and_static_shapes(tiny_model, tmp_path, form):
    graph = build_graph(tiny_model, form)
    save_graph(graph, tmp_path / "graph.onnx")
    onnx.checker.check_model(str(tmp_path / "graph.onnx"), full_check=True)
    read = onnx.load(tmp_path / "graph.onnx")
    assert [(one.domain, one.version) for one in read.opset_import] == [("", OPSET)]
    assert {node.op_type for node in read.graph.node} <= STANDARD
    told = {value.name: value for value in (*read.graph.input, *read.graph.output, *read.graph.value_info)}
    for name in (*(one.name for one in read.graph.input), *(name for node in read.graph.node for name in node.output)):
        dims = told[name].type.tensor_type.shape.dim
        assert dims and all(dim.HasField("dim_value") for dim in dims), name


def test_declared_shapes_are_those_that_onnx_infers(tiny_model, tmp_path):
    """What counts operations trusts the shapes written at export."""
    save_graph(build_graph(tiny_model, Form("decode", "whole", 1, 20)), tmp_path / "graph.onnx")
    read = onnx.load(tmp_path / "graph.onnx")
    written = {value.name: value.type for value in read.graph.value_info if value.name.startswith("/")}
    assert len(written) > 100
    del read.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(read, strict_mode=True, data_prop=True)
    assert {value.name: value.type for value in inferred.graph.value_info} == written


def test_the_cache_of_a_step_is_named_by_layer(tiny_model, tmp_path):
    graph = build_graph(tiny_model, Form("decode", "whole", 1, 20)).graph
    kinds = [f"{number}.{kind}" for number in range(3) for kind in ("key", "value")]
    assert [value.name for value in graph.inputs] == ["input_ids", "cos", "sin", "mask", *(f"past.{k}" for k in kinds)]
    assert [value.name for value in graph.outputs] == ["logits", *(f"present.{k}" for k in kinds)]


def test_rotary_tables_are_those_of_transformers(make_spec):
    import torch
    from transformers.models.qwen3 import Qwen3Config
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

    spec = make_spec(head_dim=128)
    rotary = Qwen3RotaryEmbedding(Qwen3Config(**config_dict(spec)))
    positions = np.asarray([0, 1, 7, 511])
    cos, sin = rotary(torch.zeros(1, 4, 1), torch.from_numpy(positions)[None])
    own_cos, own_sin = rotary_tables(spec, positions)
    np.testing.assert_allclose(own_cos[0, 0], cos[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(own_sin[0, 0], sin[0].numpy(), atol=1e-4)


def test_a_graph_that_one_file_cannot_hold_is_refused_with_its_size(make_spec, tmp_path, monkeypatch):
    from backends.portable import export

    graph = build_graph(synthetic_model(make_spec()), Form("prefill", "whole", 4))
    monkeypatch.setattr(export, "PROTOBUF_LIMIT_BYTES", 10**6 + 10**5)
    with pytest.raises(GraphTooLargeError, match=r"has 0\.00 GB of float32 weights and one ONNX file holds 2\.15 GB"):
        save_graph(graph, tmp_path / "graph.onnx")
    assert not (tmp_path / "graph.onnx").exists()
    save_graph(graph, tmp_path / "graph.onnx", one_file=False)
    assert (tmp_path / "graph.onnx").stat().st_size < 10**5 < (tmp_path / "graph.onnx.data").stat().st_size
    onnx.checker.check_model(str(tmp_path / "graph.onnx"), full_check=True)
