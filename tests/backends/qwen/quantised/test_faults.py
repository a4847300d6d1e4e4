"""A quantised checkpoint whose tensors do not fit each other is one line that names the tensor and the format."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from backends.common.errors import InputError
from backends.qwen.checkpoint import read_checkpoint
from tests.backends.qwen.quantised import writers
from tests.backends.qwen.quantised.test_forms import FORMS, FP8

Q = "model.layers.1.self_attn.q_proj"


def lost(part):
    return lambda tensors: tensors.pop(f"{Q}.{part}")


def cut(part, size):
    return lambda tensors: tensors.update({f"{Q}.{part}": tensors[f"{Q}.{part}"][:size].clone()})


def typed(part, dtype):
    return lambda tensors: tensors.update({f"{Q}.{part}": tensors[f"{Q}.{part}"].to(dtype)})


def entry(part, place, value):
    def change(tensors):
        tensors[f"{Q}.{part}"][place] = value

    return change


FP8_128, GPTQ_4, AWQ_4 = "FP8, block 128", "GPTQ, 4 bits, group 32", "AWQ, 4 bits, group 32"
PACKED = "compressed-tensors pack-quantized, 4 bits, group 32"
ASYMMETRIC = "compressed-tensors pack-quantized, 4 bits, group 32, asymmetric"
INT8 = "compressed-tensors int-quantized, 8 bits, one scale a channel"
FAULTS = [
    (FP8_128, lost("weight_scale_inv"), f"{Q}.weight is stored as F8_E4M3, but {Q}.weight_scale_inv is missing"),
    (FP8_128, cut("weight_scale_inv", 0), f"{Q}.weight_scale_inv is 0x1, {Q}.weight needs 1x1"),
    (FP8_128, cut("weight", 48), f"{Q}.weight is 48x64, config.json says 64x64"),
    (FP8_128, lost("weight"), f"{Q}.weight"),
    (GPTQ_4, lost("scales"), f"{Q}.scales is missing"),
    (GPTQ_4, lost("qzeros"), f"{Q}.qzeros is missing"),
    (GPTQ_4, cut("scales", 1), f"{Q}.scales is 1x64, {Q}.qweight needs 2x64"),
    (GPTQ_4, cut("qweight", 7), f"{Q}.g_idx is 64, {Q}.qweight needs 56"),
    (GPTQ_4, entry("g_idx", 5, 2), f"{Q}.g_idx names group 2, but the weight has 2 groups"),
    (GPTQ_4, entry("g_idx", 5, -1), f"{Q}.g_idx names group -1"),
    (GPTQ_4, cut("g_idx", 60), f"{Q}.g_idx is 60, {Q}.qweight needs 64"),
    (GPTQ_4, typed("qweight", torch.int64), f"{Q}.qweight is no matrix of packed int32"),
    (GPTQ_4, entry("bias", 3, 0.5), "uses, among them model.layers.1.self_attn.q_proj.bias"),
    (AWQ_4, lost("qzeros"), f"{Q}.qzeros is missing"),
    (AWQ_4, cut("scales", 1), f"{Q}.scales is 1x64, {Q}.qweight needs 2x64"),
    (PACKED, lost("weight_shape"), f"{Q}.weight_shape is missing"),
    (PACKED, entry("weight_shape", 0, 65), f"{Q}.weight_packed is 64x8 of I32, not 65x64 of 4 bits"),
    (PACKED, lost("weight_scale"), f"{Q}.weight_scale is missing"),
    (ASYMMETRIC, lost("weight_zero_point"), f"{Q}.weight_zero_point is missing"),
    (INT8, cut("weight_scale", 63), f"{Q}.weight_scale is 63x1, {Q}.weight needs 64x1"),
]


@pytest.mark.parametrize(("name", "damage", "words"), FAULTS)
def test_one_line_names_what_does_not_fit(name, damage, words, make_spec, tmp_path):
    spec = make_spec(layers=2, vocab_size=101, tied_embeddings=False)
    stored, _ = writers.write_pair(tmp_path, spec, *FORMS[name])
    path = stored / "model.safetensors"
    tensors = load_file(path)
    damage(tensors)
    save_file(tensors, path)
    with pytest.raises(InputError) as error:
        read_checkpoint(stored)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_module_that_the_settings_leave_alone_is_not_quantised(make_spec, tmp_path):
    settings = {**FP8, "modules_to_not_convert": ["model.layers.1.self_attn"]}
    stored, _ = writers.write_pair(tmp_path, make_spec(layers=2, vocab_size=101), writers.fp8, settings)
    with pytest.raises(
        InputError, match=r"model\.layers\.1\.self_attn\..*is not quantised, but its weight is stored as F8"
    ):
        read_checkpoint(stored)


@pytest.mark.parametrize(
    "settings", [{"weight_block_size": [128]}, {"weight_block_size": 7}, {"weight_block_size": ["a", 1]}]
)
def test_malformed_settings_are_named(settings, make_spec, tmp_path):
    stored, _ = writers.write_pair(tmp_path, make_spec(layers=1), writers.fp8, {**FP8, **settings})
    with pytest.raises(InputError, match="settings of fp8 are malformed"):
        read_checkpoint(stored)
