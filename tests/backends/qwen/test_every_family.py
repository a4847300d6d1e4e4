"""Every family of the catalogue: read, written, filled with healthy weights, and run to the reference's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.onnx_cpu.export import exported_graph
from backends.qwen.channels import Experts
from backends.qwen.config import config_dict, spec_of
from backends.qwen.families import FAMILIES, Architecture
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from backends.torch_cpu.backend import TorchCpu
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow

POSITIONS = tuple(range(8))


def quiet(text):
    pass


def prompt_of(batch=2, tokens=70):
    return np.random.default_rng(0).integers(0, 500, (batch, tokens))


def test_there_is_a_tiny_model_of_every_family():
    assert set(TINY) == set(FAMILIES) == set(get_args(Architecture))


@pytest.mark.parametrize("architecture", TINY)
def test_a_config_is_read_back_as_it_was_written(architecture):
    spec = TINY[architecture]
    config = {**config_dict(spec), "model_type": architecture}
    assert spec_of(spec.name, config) == spec


@pytest.fixture(scope="module", params=TINY)
def answered(request, make_workload_of):
    model = synthetic_model(TINY[request.param])
    workload = make_workload_of(70, 8, 2, 500)
    return model, workload, compute_reference(model, workload.prompt_ids, workload.output_tokens, POSITIONS, 2, quiet)


def test_torch_cpu_gives_the_answer_of_the_reference(answered):
    model, workload, reference = answered
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 2, workload.batch, workload.total_tokens), quiet)
    prompt = np.array(workload.prompt_ids)
    for _ in range(2):  # the second run starts from caches that hold the first
        generated = backend.generate(prompt, workload.output_tokens)
        assert np.array_equal(np.array(generated.token_ids), reference.tokens)
    scored = backend.score(prompt, reference.tokens, list(POSITIONS))
    assert np.abs(scored - reference.logits).max() < 1e-4


def test_onnx_cpu_gives_the_answer_of_the_reference(answered):
    model, workload, reference = answered
    if model.spec.architecture not in OnnxCpu.architectures:  # qwen3_next and qwen4_exp
        pytest.skip("the model builder of ONNX Runtime exports no such model")
    backend = OnnxCpu()
    execution = Execution(model, "float32", 2, workload.batch, workload.total_tokens)
    backend.prepare(execution, quiet)
    backend.load(execution, quiet)
    prompt = np.array(workload.prompt_ids)
    for _ in range(2):  # 7 steps: the second run starts on the other of two buffers of each state
        generated = backend.generate(prompt, workload.output_tokens)
        assert np.array_equal(np.array(generated.token_ids), reference.tokens)
    scored = backend.score(prompt, reference.tokens, list(POSITIONS))
    assert np.abs(scored - reference.logits).max() < 1e-3


def test_a_router_is_never_quantised(make_workload_of):
    import onnx

    model = synthetic_model(TINY["qwen3_5_moe"])
    path, _ = exported_graph(model, "int4", 2, quiet)
    gates = [node for node in onnx.load(path, load_external_data=False).graph.node if "moe/router/MatMul" in node.name]
    assert {node.op_type for node in gates} == {"MatMul"} and len(gates) == model.spec.layers


def test_logits_are_neither_flat_nor_one_hot(answered):
    _, _, reference = answered
    assert 1.5 < reference.logits.std() < 4.5
    assert np.unique(reference.tokens).size > 2


def test_a_changed_token_far_back_changes_the_answer(answered):
    model, workload, reference = answered
    first = tuple((ids[0] + 1, *ids[1:]) for ids in workload.prompt_ids)
    changed = compute_reference(model, first, workload.output_tokens, POSITIONS, 2, quiet)
    assert np.abs(changed.logits - reference.logits).max() > 1e-3


@pytest.mark.parametrize("tokens", [1, 4, 8, 16, 32])
def test_routers_spread_tokens_over_experts(tokens):
    experts = Experts(32, 4, 16)
    spec = replace(TINY["qwen3_moe"], hidden_size=128, experts=experts, layers=4)
    network = build_qwen(synthetic_model(spec), "float32", quiet)
    chosen = []
    for layer in network.model.layers:
        layer.mlp.gate.register_forward_hook(lambda module, inputs, output: chosen.append(output[-1]))
    shares = []
    for seed in range(40):
        ids = torch.randint(0, 500, (tokens, 24), generator=torch.Generator().manual_seed(seed))
        chosen.clear()
        with torch.inference_mode():
            network(input_ids=ids)
        for indices in chosen:  # of the last position of every sequence: one decode step of the batch
            last = indices.view(tokens, 24, -1)[:, -1]
            shares.append(last.unique().numel() / spec.distinct_experts(tokens))
    assert 0.85 <= np.mean(shares) <= 1.0 + 1e-9


def test_a_recurrent_state_neither_dies_nor_explodes_over_4096_tokens():
    network = build_qwen(synthetic_model(TINY["qwen3_5"]), "float32", quiet)
    ids = torch.randint(0, 500, (1, 4096), generator=torch.Generator().manual_seed(0))
    sizes = []
    with torch.inference_mode():
        cache = None
        for start in range(0, 4096, 1024):
            out = network(input_ids=ids[:, start : start + 1024], past_key_values=cache, logits_to_keep=1)
            cache = out.past_key_values
            sizes.append([cache.layers[layer].recurrent_states[0].std().item() for layer in range(3)])
            assert 1.0 < out.logits.std() < 5.0
    assert np.all(np.array(sizes) > 1e-3) and np.max(sizes) < 3 * np.min(sizes)


def test_torch_cpu_counts_the_experts_that_its_routers_choose(make_workload_of):
    model, workload = synthetic_model(TINY["qwen3_moe"]), make_workload_of(12, 6, 3, 500)
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 2, workload.batch, workload.total_tokens), quiet)
    prompt = np.array(workload.prompt_ids)
    assert backend.expert_use() is None
    tokens = np.array(backend.generate(prompt, workload.output_tokens).token_ids)
    assert backend.expert_use() is None, "what is timed is not counted"
    backend.score(prompt, tokens, [0, 5])
    network = build_qwen(model, "float32", quiet)
    chosen = []
    for layer in network.model.layers:
        layer.mlp.gate.register_forward_hook(lambda module, inputs, output: chosen.append(output[-1]))
    with torch.inference_mode():
        network(input_ids=torch.from_numpy(np.concatenate([prompt, tokens], axis=1)))
    distinct = [
        indices.view(3, 18, 2)[:, position].unique().numel() for indices in chosen for position in range(12, 17)
    ]
    use = backend.expert_use()
    assert (use.counts, use.distinct) == (len(distinct), np.mean(distinct))


def test_a_model_without_experts_has_no_count(make_workload_of):
    model, workload = synthetic_model(TINY["qwen3"]), make_workload_of(4, 2, 1, 500)
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 2, 1, workload.total_tokens), quiet)
    backend.score(np.array(workload.prompt_ids), np.zeros((1, 2), dtype=np.int64), [0, 1])
    assert backend.expert_use() is None


def test_onnx_cpu_runs_all_but_two_families():
    assert set(get_args(Architecture)) - set(OnnxCpu.architectures) == {"qwen3_next", "qwen4_exp"}
