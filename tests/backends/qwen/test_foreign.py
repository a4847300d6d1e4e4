"""Folders that are no plain checkpoint are named for what they are."""

from __future__ import annotations

import json
import shutil

import pytest

from backends.common.errors import InputError
from backends.qwen.checkpoint import read_checkpoint
from profiler.models.presets import find_model


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


def configured(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def without_weights(name, data):
    def change(folder):
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(data)

    return change


def added(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def adapter(folder):
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen3-0.6B"}))


def with_bias(folder):
    import numpy as np
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.self_attn.q_proj.bias"] = np.ones(64, np.float32)
    save_file(tensors, folder / "model.safetensors")


KINDS = {
    "a LoRA adapter": (adapter, "LoRA adapter of Qwen/Qwen3-0.6B"),
    "msmodelslim": (added("quant_model_description_w8a8.json", b"{}"), "msmodelslim"),
    "a git-lfs pointer": (
        without_weights("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
        "git lfs pull",
    ),
    "GGUF": (without_weights("Qwen3-Q8_0.gguf", b"GGUF"), "GGUF"),
    "an unfinished download": (added("blob.incomplete", b""), "did not finish"),
    "a classifier": (configured(architectures=["Qwen3ForSequenceClassification"]), "Qwen3ForSequenceClassification"),
    "a bidirectional encoder": (configured(is_causal=False), "is_causal"),
    "block FP8": (configured(quantization_config={"quant_method": "fp8", "weight_block_size": [8, 8]}), "fp8, block 8"),
    "compressed tensors": (configured(compression_config={"format": "pack-quantized"}), "pack-quantized"),
    "old GPTQ": (added("quantize_config.json", b'{"bits": 4, "group_size": 128}'), "gptq, 4 bits, group 128"),
    "two rotary settings": (
        configured(rope_scaling={"rope_type": "yarn", "factor": 4.0}, rope_parameters={"rope_theta": 1e6}),
        "rope_parameters says 'default', rope_scaling says 'yarn'",
    ),
    "a bias that nothing adds": (with_bias, "holds 1 tensors that no part of qwen3 uses"),
    "layers with a window": (configured(layer_types=["sliding_attention"] * 3), "sliding-window"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_named(folder, kind):
    make, words = KINDS[kind]
    make(folder)
    with pytest.raises(InputError) as error:
        read_checkpoint(folder)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "words"), [("model.gguf", "GGUF file"), ("model.bin", "is a file; name the folder")])
def test_a_file_in_place_of_a_folder_is_named(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(InputError, match=words):
        find_model(str(tmp_path / name), None, 0)


@pytest.mark.parametrize("rope", [{"rope_type": None}, {"type": "default"}, {"rope_type": "default"}])
def test_a_plain_rotary_setting_is_plain_however_it_is_written(folder, rope):
    configured(rope_scaling=rope)(folder)
    assert read_checkpoint(folder).spec.rope_theta == 1e6


def test_a_byte_order_mark_and_a_chinese_path_are_read(folder, tmp_path):
    config = (folder / "config.json").read_bytes()
    moved = shutil.move(folder, tmp_path / "模型 目录")
    (moved / "config.json").write_bytes(b"\xef\xbb\xbf" + config)
    assert read_checkpoint(moved).spec.name == "模型 目录"
