"""Folders that are no plain checkpoint are named for what they are."""

from __future__ import annotations

import json
import shutil

import pytest

from backends.common.errors import InputError
from backends.qwen.checkpoint import read_checkpoint, read_spec
from backends.qwen.config import config_dict
from backends.qwen.config_keys import Watched, unread_keys
from profiler.models.presets import find_model
from tests.backends.qwen.families import TINY


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


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"


def modelscope(folder):
    without_weights("configuration.json", b'{"framework": "pytorch"}')(folder)
    (folder / "config.json").unlink()


def prefix_adapter(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING"}))


KINDS = {
    "a LoRA adapter": (adapter, "LoRA adapter of Qwen/Qwen3-0.6B"),
    "msmodelslim": (added("quant_model_description_w8a8.json", b"{}"), "msmodelslim"),
    "a git-lfs pointer": (
        without_weights("model.safetensors", LFS),
        "git lfs pull",
    ),
    "GGUF": (without_weights("Qwen3-Q8_0.gguf", b"GGUF"), "GGUF"),
    "an unfinished download": (added("blob.incomplete", b""), "did not finish"),
    "aria2 at work": (added("model.safetensors.aria2", b""), "did not finish"),
    "a pointer for the config": (added("config.json", LFS), "config.json is a git-lfs pointer"),
    "pickles": (without_weights("pytorch_model-00001-of-00002.bin", b"PK"), "holds PyTorch pickles"),
    "old pickles": (without_weights("consolidated.00.pth", b"PK"), "holds PyTorch pickles"),
    "ONNX": (without_weights("model.onnx", b""), "holds an ONNX graph"),
    "OpenVINO": (without_weights("openvino_model.xml", b""), "holds an OpenVINO model"),
    "shards without an index": (
        without_weights("model-00001-of-00002.safetensors", b""), "download model.safetensors.index.json too"),
    "half of ModelScope's folder": (modelscope, "ModelScope's configuration.json but no config.json"),
    "an embedding model": (added("modules.json", b"[]"), "embedding model (sentence-transformers)"),
    "a model without a head": (configured(architectures=["Qwen3Model"]), "without an output head"),
    "bidirectional by another key": (configured(use_bidirectional_attention=True), "use_bidirectional_attention"),
    "another adapter": (prefix_adapter, "PREFIX_TUNING adapter of"),
    "biases by the config": (configured(attention_bias=True), "attention_bias is true"),
    "capped logits": (configured(final_logit_softcapping=30.0), "final_logit_softcapping is 30.0"),
    "scaled embeddings": (configured(embedding_multiplier=12), "embedding_multiplier is 12"),
    "a classifier": (configured(architectures=["Qwen3ForSequenceClassification"]), "Qwen3ForSequenceClassification"),
    "a bidirectional encoder": (configured(is_causal=False), "is_causal"),
    "FP8 that is none": (
        configured(quantization_config={"quant_method": "fp8", "weight_block_size": [8, 8]}),
        "the settings say FP8, block 8, but every weight is stored as plain floats",
    ),
    "two rotary settings": (
        configured(rope_scaling={"rope_type": "yarn", "factor": 4.0}, rope_parameters={"rope_theta": 1e6}),
        "rope_parameters says 'default', rope_scaling says 'yarn'",
    ),
    "a bias that nothing adds": (with_bias, "holds 1 tensors that no part of qwen3 uses"),
    "layers with a window": (configured(layer_types=["sliding_attention"] * 3), "use_sliding_window is not true"),
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


def quantised(**settings):
    return configured(quantization_config=settings)


UNREAD = {
    "bitsandbytes, 4 bits": quantised(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    "eetq": quantised(quant_method="eetq"),
    "mxfp4": quantised(quant_method="mxfp4"),
    "torchao": quantised(quant_method="torchao", quant_type={"default": {}}),
    "quark": quantised(quant_method="quark"),
    "auto-round, 4 bits": quantised(quant_method="auto-round", bits=4, packing_format="auto_round:auto_gptq"),
    "modelopt": added("hf_quant_config.json", b'{"quantization": {"quant_algo": "NVFP4"}}'),
    "MLX, 4 bits": configured(quantization={"bits": 4, "group_size": 64}),
    "Ascend W8A8, by msmodelslim": configured(quantize="w8a8"),
    "AWQ of 4 bits in the layout gemv": quantised(quant_method="awq", bits=4, version="GEMV"),
    "GPTQ of 4 bits in the format marlin": added("quantize_config.json", b'{"bits": 4, "is_marlin_format": true}'),
    "GPTQ with other settings for some modules": quantised(
        quant_method="gptq", bits=4, dynamic={"+:.*down_proj": {"bits": 8}}),
    "compressed-tensors of nvfp4-pack-quantized": configured(
        compression_config={"format": "nvfp4-pack-quantized", "config_groups": {}}),
    "compressed-tensors of sparse-24-bitmask": quantised(
        quant_method="compressed-tensors", format="dense", sparsity_config={"format": "sparse-24-bitmask"}),
    "compressed-tensors with transforms": quantised(
        quant_method="compressed-tensors", format="pack-quantized", transform_config={"config_groups": {"R4": {}}}),
    "GPTQ packed in int64": quantised(quant_method="gptq", bits=4, pack_dtype="int64"),
    "an unnamed method": quantised(what="ever"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_a_quantised_format_that_is_not_read_is_named(folder, kind):
    UNREAD[kind](folder)
    with pytest.raises(InputError) as error:
        read_checkpoint(folder)
    assert f"already quantised ({kind})" in str(error.value) and "@int8" in str(error.value)


def test_settings_of_the_language_part_count_too(tmp_path):
    config = config_dict(TINY["qwen3_vl"])
    config["text_config"]["quantization_config"] = {"quant_method": "eetq"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"already quantised \(eetq\)"):
        read_spec(tmp_path)


@pytest.fixture
def cache(folder, tmp_path):
    """The checkpoint as Hugging Face's cache keeps it: links in a snapshot, files in blobs."""
    snapshot, blobs = tmp_path / "models--tiny" / "snapshots" / "0a1b", tmp_path / "models--tiny" / "blobs"
    snapshot.mkdir(parents=True)
    shutil.copytree(folder, blobs)
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    return snapshot


def test_a_version_in_the_cache_is_read_through_its_links(cache):
    assert read_checkpoint(cache).spec.layers == 3


def test_the_cache_itself_names_the_version_inside_it(cache):
    with pytest.raises(InputError, match=r"is the cache of a checkpoint; name the version .*0a1b"):
        read_checkpoint(cache.parent.parent)


def test_a_cache_whose_blob_is_half_there_is_named(cache):
    blob = (cache / "model.safetensors").resolve()
    blob.rename(blob.with_name("77aa.incomplete"))
    with pytest.raises(InputError, match=r"did not finish \(77aa.incomplete\)"):
        read_checkpoint(cache)


def test_a_link_to_nothing_is_named(cache):
    (cache / "model.safetensors").resolve().unlink()
    with pytest.raises(InputError, match=r"it is a link to .*model\.safetensors, which is not there"):
        read_checkpoint(cache)


def test_leftovers_of_another_version_stop_nothing(cache):
    (cache.parent.parent / "blobs" / "99.incomplete").touch()
    assert read_checkpoint(cache).spec.layers == 3


def test_a_key_that_nothing_reads_is_recorded(folder):
    configured(dual_chunk_attention_config={"chunk_size": 262144}, rope_theta=1.0, attention_dropout=0.1, empty=None,
               rope_parameters={"rope_theta": 1e6, "something": 1})(folder)  # fmt: skip
    found = read_checkpoint(folder).storage.unread_keys
    assert found == ("dual_chunk_attention_config", "rope_parameters.something", "rope_theta")


def test_a_repeated_key_is_recorded_only_where_it_disagrees(tmp_path):
    config = Watched({"hidden_size": 64, "vocab_size": 9, "text_config": {"hidden_size": 64, "vocab_size": 10}})
    assert [config["text_config"][key] for key in ("hidden_size", "vocab_size")] == [64, 10]
    assert unread_keys(config) == ("vocab_size",)
