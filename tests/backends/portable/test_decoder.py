"""The loop over portable graphs, on the one provider that is always here: what an Ascend runs but for the device."""

import numpy as np
import onnxruntime
import pytest

from backends.common.errors import WorkerError
from backends.contract.backend import Execution
from backends.onnx_cann import graphs
from backends.portable.decoder import Place, PortableDecoder
from backends.qwen.synthetic import synthetic_model
from tests.backends.conftest import quiet
from tests.backends.qwen.families import TINY


def on_cpu(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture
def decoder_of():
    def make(model, workload, precision):
        tokens = (workload.batch, workload.total_tokens, "", workload.prompt_tokens)
        folder, _ = graphs.portable_graphs(Execution(model, precision, 1, *tokens), quiet)
        return PortableDecoder(folder, on_cpu, Place())

    return make


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float16", 0.03)])
def test_scores_and_generates_as_the_reference(
    tiny_model, make_workload_of, reference_of, decoder_of, precision, tolerance
):
    workload = make_workload_of(batch=2)
    reference = reference_of(tiny_model, workload)
    decoder = decoder_of(tiny_model, workload, precision)
    prompt = np.asarray(workload.prompt_ids)
    positions = list(range(workload.output_tokens))
    logits = decoder.score(prompt, reference.tokens, positions)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, reference.logits, atol=tolerance)
    for _ in range(2):  # what a run leaves in the cache must not reach the next one
        token_ids, start_ns, token_ns = decoder.generate(prompt, workload.output_tokens)
        if precision == "float32":
            assert token_ids == tuple(map(tuple, reference.tokens.tolist()))
    assert len(token_ns) == workload.output_tokens and [start_ns, *token_ns] == sorted([start_ns, *token_ns])
    np.testing.assert_array_equal(decoder.score(prompt, reference.tokens, [3, 5]), logits[:, [3, 5]])
    assert len(decoder.generate(prompt, 1)[2]) == 1


def test_float16_graphs_hold_half_and_compute_norms_and_softmax_in_float32(make_spec, make_workload_of, tmp_path):
    import onnx

    from backends.portable.export import Form, build_graph, save_graph
    from backends.portable.half import to_float16
    from backends.portable.rewrites import apply_rewrites

    graph = build_graph(synthetic_model(make_spec()), Form("decode", "whole", 1, 20, cache="buffer"))
    apply_rewrites(graph, ["finite_mask"])
    assert to_float16(graph) > 0
    save_graph(graph, tmp_path / "half.onnx")
    onnx.checker.check_model(str(tmp_path / "half.onnx"), full_check=True)
    read = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "half.onnx"), strict_mode=True)
    kinds = {one.name: one.type.tensor_type.elem_type for one in (*read.graph.value_info, *read.graph.input)}
    kinds |= {one.name: one.type.tensor_type.elem_type for one in read.graph.output}
    kinds |= {one.name: one.data_type for one in read.graph.initializer}
    half, full = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    exact = {"Pow", "ReduceMean", "Sqrt", "Softmax"}
    seen = set()
    for node in read.graph.node:
        if node.op_type in exact | {"MatMul", "Neg", "Sigmoid"}:
            seen.add(node.op_type)
            assert kinds[node.input[0]] == kinds[node.output[0]] == (full if node.op_type in exact else half), node.name
    assert seen == exact | {"MatMul", "Neg", "Sigmoid"}
    assert kinds["logits"] == full and kinds["present.0.key"] == kinds["past.0.key"] == kinds["mask"] == half


def test_a_prompt_of_another_length_and_a_full_cache_are_refused(make_spec, make_workload_of, decoder_of):
    workload = make_workload_of(prompt_tokens=5, output_tokens=2)
    decoder = decoder_of(synthetic_model(make_spec(layers=1)), workload, "float32")
    with pytest.raises(ValueError, match="takes prompts of 5 tokens, not 6"):
        decoder.start(np.zeros((1, 6), np.int64))
    decoder.generate(np.zeros((1, 5), np.int64), 3)
    with pytest.raises(ValueError, match="the cache is full: 7 tokens"):
        decoder.step(np.zeros((1, 1), np.int64))


def test_a_wrong_export_is_not_kept(make_spec, make_workload_of, decoder_of, monkeypatch, cache_folder):
    from backends.portable import attention

    model, workload = synthetic_model(make_spec(layers=1), seed=77), make_workload_of(output_tokens=2)
    right = attention.rotary_tables
    monkeypatch.setattr(attention, "rotary_tables", lambda spec, positions: right(spec, positions + 1))
    with pytest.raises(WorkerError, match=r"differs from the float32 reference by .* please report this"):
        decoder_of(model, workload, "float32")
    monkeypatch.undo()
    execution = Execution(model, "float32", 1, 1, workload.total_tokens, "", workload.prompt_tokens)
    assert not (cache_folder / "portable" / graphs.graphs_key(execution)).exists()
    decoder_of(model, workload, "float32")


@pytest.mark.parametrize("architecture", ["qwen3_moe", "qwen3_5", "qwen3_next"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float16", 0.05)])
def test_experts_and_states_run_in_the_same_loop(
    architecture, make_workload_of, reference_of, decoder_of, precision, tolerance
):
    """In float16 too a router chooses in float32, and the state of Gated DeltaNet stays float32."""
    model, workload = synthetic_model(TINY[architecture]), make_workload_of(9, 5, 1, 500)
    reference = reference_of(model, workload)
    decoder, prompt = decoder_of(model, workload, precision), np.asarray(workload.prompt_ids)
    for _ in range(2):
        logits = decoder.score(prompt, reference.tokens, list(range(5)))
        np.testing.assert_allclose(logits, reference.logits, atol=tolerance)
    states = {node.type for node in decoder.decode.get_inputs() if node.name.endswith(".recurrent")}
    assert states <= {"tensor(float)"}
