"""Weights are found under every name that checkpoints give them, and merged as transformers 5 wants them."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from backends.common.errors import InputError
from backends.qwen.checkpoint import read_checkpoint
from backends.qwen.config import config_dict
from backends.qwen.synthetic import fill
from backends.qwen.weights import weight_writer
from tests.backends.qwen.families import TINY


def values_of(spec):
    tensors = {name: torch.empty(shape) for name, shape in spec.tensor_shapes().items()}
    for name, tensor in tensors.items():
        fill(tensor, spec, name, 0)
    return tensors


def apart(tensors):
    """Store each expert's matrices under their own names, as the checkpoints on the hub do."""
    found = {}
    for name, tensor in tensors.items():
        stem, _, leaf = name.rpartition(".")
        if not stem.endswith("experts"):
            found[name] = tensor
            continue
        for expert, matrix in enumerate(tensor):
            halves = matrix.chunk(2) if leaf == "gate_up_proj" else (matrix,)
            parts = ("gate_proj", "up_proj") if leaf == "gate_up_proj" else ("down_proj",)
            for part, half in zip(parts, halves, strict=True):
                found[f"{stem}.{expert}.{part}.weight"] = half.contiguous()
    return found


def renamed(old, new):
    return lambda tensors: {name.replace(old, new): tensor for name, tensor in tensors.items()}


STORED = {
    "experts apart": ("qwen3_moe", apart),
    "merged experts": ("qwen3_moe", dict),
    "before transformers 5": ("qwen2_vl", renamed("model.language_model.", "model.")),
    "Qwen3-VL": ("qwen3_vl", dict),
    "omni": ("qwen3_omni_moe", lambda tensors: {f"thinker.{name.replace('language_model.', '')}": tensor
                                                for name, tensor in apart(tensors).items()}),
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(architecture, store):
        spec = TINY[architecture]
        (tmp_path / "config.json").write_text(json.dumps(config_dict(spec)))
        tensors = values_of(spec)
        save_file(store(tensors), tmp_path / "model.safetensors")
        return spec, tensors

    return write


@pytest.mark.parametrize("kind", STORED)
def test_every_weight_is_read_from_where_it_is_stored(kind, written, tmp_path):
    spec, tensors = written(*STORED[kind])
    model = read_checkpoint(tmp_path)
    assert model.spec.architecture == spec.architecture
    write = weight_writer(model)
    for name, tensor in tensors.items():
        place = torch.full_like(tensor, float("nan"))
        write(name, place)
        assert torch.equal(place, tensor), name


def test_one_missing_expert_is_a_missing_tensor(written, tmp_path):
    lost = "model.layers.1.mlp.experts.3.up_proj.weight"
    written("qwen3_moe", lambda tensors: {name: tensor for name, tensor in apart(tensors).items() if name != lost})
    with pytest.raises(InputError, match=r"lacks 1 tensors .*model\.layers\.1\.mlp\.experts\.gate_up_proj"):
        read_checkpoint(tmp_path)
