"""Sliding windows and YaRN are computed as transformers computes them, and refused by name where a path does not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from backends.contract.backend import Execution
from backends.contract.registry import parse_target
from backends.qwen.checkpoint import read_checkpoint
from backends.qwen.config import config_dict, spec_of
from backends.qwen.reference import compute_reference
from backends.qwen.rotary import Yarn
from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu
from profiler.run.request import Request, hindrance
from tests.backends.qwen.families import TINY

WINDOW = {"use_sliding_window": True, "sliding_window": 7}
YARN = {"factor": 4.0, "original_max_position_embeddings": 16}
NEW = {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6, **YARN}}
KINDS = {
    "qwen2, every layer": ("qwen2", {**WINDOW, "max_window_layers": 0}),
    "qwen2, the last layer": ("qwen2", {**WINDOW, "max_window_layers": 2}),
    "qwen3, as its layer types say": (
        "qwen3", {**WINDOW, "layer_types": ["full_attention", "sliding_attention", "sliding_attention"]}),
    "qwen3_moe": ("qwen3_moe", {**WINDOW, "max_window_layers": 3}),
    "YaRN": ("qwen3", NEW),
    "YaRN in the old place": (
        "qwen2", {"rope_parameters": None, "rope_theta": 1e6, "rope_scaling": {"type": "yarn", **YARN}}),
    "YaRN with every setting": (
        "qwen3", {"rope_parameters": {**NEW["rope_parameters"], "attention_factor": 1.3, "beta_fast": 16.0,
                                      "beta_slow": 2.0, "truncate": False}}),
    "both": ("qwen3", {**WINDOW, "max_window_layers": 1, **NEW}),
}  # fmt: skip


@pytest.fixture
def written(write_checkpoint, tmp_path):
    def write(architecture, **changes):
        folder = write_checkpoint(tmp_path / "long", synthetic_model(TINY[architecture]), tokenizer=False)
        config = {**json.loads((folder / "config.json").read_text()), **changes}
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


def quiet(text):
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_torch_cpu_and_the_reference_compute_what_transformers_does(kind, written, make_workload_of):
    architecture, changes = KINDS[kind]
    folder = written(architecture, **changes)
    model, workload = read_checkpoint(folder), make_workload_of(30, 6, 2, 500)
    assert model.spec.long_context
    prompt, positions = torch.tensor(workload.prompt_ids), list(range(6))
    reference = compute_reference(model, workload.prompt_ids, 6, positions, 1, quiet)
    whole = torch.cat([prompt, torch.from_numpy(reference.tokens)], 1)
    with torch.inference_mode():
        theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(input_ids=whole).logits[:, 29:35]
    assert np.abs(reference.logits - theirs.numpy()).max() < 1e-4
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 1, 2, workload.total_tokens), quiet)
    for _ in range(2):
        scored = backend.score(np.array(workload.prompt_ids), reference.tokens, positions)
        assert np.abs(scored - theirs.numpy()).max() < 1e-4
    plain = compute_reference(synthetic_model(TINY[architecture]), workload.prompt_ids, 6, positions, 1, quiet)
    assert np.abs(plain.logits - theirs.numpy()).max() > 1e-2, "without it the answer is another"


@pytest.mark.parametrize("changes", [{"window": 7, "window_from": 1}, {"yarn": Yarn(4.0, 16, beta_fast=16.0)}])
def test_a_config_is_read_back_as_it_was_written(changes):
    spec = replace(TINY["qwen3"], **changes)
    assert spec_of(spec.name, config_dict(spec)) == spec


@pytest.mark.parametrize("target", ["onnx-cpu", "cuda:0", "rknn"])
def test_a_path_that_computes_neither_refuses_them_by_name(target, make_workload_of):
    model = synthetic_model(replace(TINY["qwen3"], window=7, yarn=Yarn(4.0, 16)))
    request = Request(model, make_workload_of(), (), 1, 1.0, 0.1, 10.0, "")
    error = hindrance(parse_target(target, None), request)
    assert "a sliding window of 7 tokens and YaRN, factor 4" in str(error) and "torch-cpu" in str(error)


def test_a_window_that_no_layer_has_is_none(written):
    assert read_checkpoint(written("qwen3", **WINDOW, max_window_layers=3)).spec.long_context == ()


@pytest.mark.parametrize(
    ("architecture", "changes", "words"),
    [
        ("qwen2_moe", WINDOW, "sliding-window attention of qwen2_moe"),
        ("qwen3", {"layer_types": ["sliding_attention"] * 3}, "use_sliding_window is not true"),
        (
            "qwen3",
            {**WINDOW, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
            "alternates",
        ),
        ("qwen3", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6}}, "lacks 'factor'"),
        ("qwen3", {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e6}}, "'longrope' is not supported"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(architecture, changes, words, written):
    from backends.common.errors import InputError

    with pytest.raises(InputError, match=words):
        read_checkpoint(written(architecture, **changes))
