"""Every quantised format is read to the last bit, and gives the logits of the weights that it stands for."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from backends.qwen.checkpoint import contents_of, read_checkpoint
from backends.qwen.torch_model import build_qwen
from backends.qwen.weights import weight_writer
from tests.backends.qwen.families import TINY
from tests.backends.qwen.quantised import writers


def reader(folder):
    """Read one weight at a time, as :class:`backends.qwen.weights.Weights` does."""
    contents = contents_of(folder)

    def read(name):
        with ExitStack() as opened:
            return contents.part(name, opened)[:]

    return read


FP8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
SMALL_BLOCK = {**FP8, "weight_block_size": [48, 32], "modules_to_not_convert": ["lm_head", "model.layers.1"]}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": False, "sym": False}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True}


def compressed(form, **weights):
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": groups, "ignore": ["lm_head"]}


GROUPED = {"strategy": "group", "group_size": 32}
FORMS = {
    "FP8, block 128": (writers.fp8, FP8),
    "FP8, block 48x32": (partial(writers.fp8, block=(48, 32), scale_dtype=torch.bfloat16), SMALL_BLOCK),
    "FP8, one scale a tensor": (partial(writers.fp8, block=None), {**FP8, "weight_block_size": None}),
    "GPTQ, 4 bits, group 32": (writers.gptq, GPTQ),
    "GPTQ, 8 bits, group 32, v2": (
        partial(writers.gptq, bits=8, version=2), {**GPTQ, "bits": 8, "checkpoint_format": "gptq_v2"}),
    "GPTQ, 3 bits, group 32": (partial(writers.gptq, bits=3), {**GPTQ, "bits": 3}),
    "GPTQ, 2 bits, one group": (partial(writers.gptq, bits=2, group_size=-1), {**GPTQ, "bits": 2, "group_size": -1}),
    "GPTQ, 4 bits, group 32, activation order": (partial(writers.gptq, desc_act=True), {**GPTQ, "desc_act": True}),
    "AWQ, 4 bits, group 32": (writers.awq, AWQ),
    "compressed-tensors pack-quantized, 4 bits, group 32": (
        writers.packed, compressed("pack-quantized", num_bits=4, symmetric=True, **GROUPED)),
    "compressed-tensors pack-quantized, 3 bits, group 32": (
        partial(writers.packed, bits=3), compressed("pack-quantized", num_bits=3, symmetric=True, **GROUPED)),
    "compressed-tensors pack-quantized, 4 bits, group 32, asymmetric": (
        partial(writers.packed, symmetric=False),
        compressed("pack-quantized", num_bits=4, symmetric=False, **GROUPED)),
    "compressed-tensors int-quantized, 8 bits, one scale a channel": (
        writers.int8, compressed("int-quantized", num_bits=8, strategy="channel")),
    "compressed-tensors float-quantized, 8 bits, one scale a channel": (
        writers.float8, compressed("float-quantized", num_bits=8, type="float", strategy="channel")),
    "compressed-tensors naive-quantized, 8 bits, block 48x32": (
        lambda matrix: renamed(*writers.fp8(matrix, (48, 32))),
        compressed("naive-quantized", num_bits=8, type="float", strategy="block", block_structure=[48, 32])),
}  # fmt: skip


def renamed(tensors, truth):
    return {"weight": tensors["weight"], "weight_scale": tensors["weight_scale_inv"]}, truth


@pytest.fixture(scope="module")
def dense(make_spec):
    return make_spec(layers=2, vocab_size=101, tied_embeddings=False)


def logits_of(network):
    ids = torch.arange(24).view(2, 12) * 7 % 101
    with torch.inference_mode():
        return network(input_ids=ids).logits


def quiet(text):
    pass


@pytest.mark.parametrize("name", FORMS)
def test_a_quantised_checkpoint_computes_what_its_values_compute(name, dense, tmp_path):
    writer, settings = FORMS[name]
    left = ("lm_head", *settings.get("modules_to_not_convert", ()))
    stored, plain = writers.write_pair(tmp_path, dense, writer, settings, left)
    model = read_checkpoint(stored)
    assert model.storage.form == name.removesuffix(", asymmetric")
    assert not model.storage.unread_keys
    assert model.storage.quantised == 7 * (1 if len(left) > 1 and "model.layers.1" in left else 2)
    write, truth = weight_writer(model), load_file(plain / "model.safetensors")
    for weight, wanted in truth.items():
        place = torch.full_like(wanted, float("nan"))
        write(weight, place)
        assert torch.equal(place, wanted), weight
    network = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.float32)
    assert torch.allclose(logits_of(build_qwen(model, "float32", quiet)), logits_of(network), atol=1e-5)


@pytest.mark.parametrize("name", ["FP8, block 128", "GPTQ, 4 bits, group 32, activation order"])
def test_experts_that_are_stored_apart_are_quantised_one_by_one(name, tmp_path):
    spec = replace(TINY["qwen3_moe"], layers=2, vocab_size=101)
    stored, plain = writers.write_pair(tmp_path, spec, *FORMS[name])
    model = read_checkpoint(stored)
    assert model.storage.quantised == 2 * (4 + 3 * 8)
    network = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.float32)
    assert torch.allclose(logits_of(build_qwen(model, "float32", quiet)), logits_of(network), atol=1e-5)


def test_merged_experts_in_fp8_are_read(tmp_path):
    spec = replace(TINY["qwen3_moe"], layers=1, vocab_size=101)
    tensors = {name: torch.zeros(shape) for name, shape in spec.tensor_shapes().items()}
    name = "model.layers.0.mlp.experts.gate_up_proj"
    parts, truth = zip(*(writers.fp8(matrix) for matrix in torch.randn(8, 64, 64)), strict=True)
    tensors[name] = torch.stack([part["weight"].view(torch.uint8) for part in parts]).view(torch.float8_e4m3fn)
    tensors[f"{name}_scale_inv"] = torch.stack([part["weight_scale_inv"] for part in parts])
    save_file(tensors, tmp_path / "model.safetensors")
    writers.write_config(tmp_path, spec, quantization_config=FP8)
    place = torch.empty(8, 64, 64)
    weight_writer(read_checkpoint(tmp_path))(name, place)
    assert torch.equal(place, torch.stack(truth))


def test_fp8_is_read_as_transformers_does(dense, tmp_path):
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize

    stored, _ = writers.write_pair(tmp_path, dense, partial(writers.fp8, block=(16, 32)),
                                   {**FP8, "weight_block_size": [16, 32]})  # fmt: skip
    held, read = load_file(stored / "model.safetensors"), reader(stored)
    for name in (name for name in held if f"{name}_scale_inv" in held):
        theirs = Fp8Dequantize(None)._dequantize_one(held[name], held[f"{name}_scale_inv"], torch.float32)
        assert torch.equal(read(name), theirs)


def test_compressed_tensors_are_read_as_their_own_library_does(dense, tmp_path):
    schemes = pytest.importorskip("compressed_tensors.quantization")
    from compressed_tensors.compressors import BaseCompressor

    for number, (name, (writer, settings)) in enumerate(FORMS.items()):
        if not name.startswith("compressed-tensors"):
            continue
        stored, _ = writers.write_pair(tmp_path / str(number), dense, writer, settings)
        scheme = schemes.QuantizationScheme(**settings["config_groups"]["group_0"])
        compressor = BaseCompressor.get_value_from_registry(settings["format"])
        held, read = load_file(stored / "model.safetensors"), reader(stored)
        for scale in (name for name in held if name.endswith(".weight_scale")):
            module = scale.removesuffix("weight_scale")
            state = {key.removeprefix(module): value for key, value in held.items() if key.startswith(module)}
            state["weight_scale"] = state["weight_scale"].float()
            assert torch.equal(compressor.decompress(state, scheme)["weight"].float(), read(f"{module}weight")), name


def test_a_scheme_that_names_a_module_comes_before_that_of_every_linear_layer(dense, tmp_path):
    settings = compressed("pack-quantized", num_bits=4, **GROUPED)
    settings["config_groups"]["group_1"] = {
        "targets": ["re:.*down_proj$"], "weights": {"num_bits": 8, "strategy": "group", "group_size": 16}}  # fmt: skip
    tall = dense.intermediate_size

    def writer(matrix):
        return writers.packed(matrix, 8, 16) if matrix.shape[1] == tall else writers.packed(matrix)

    stored, plain = writers.write_pair(tmp_path, dense, writer, settings)
    read = reader(stored)
    for name, wanted in load_file(plain / "model.safetensors").items():
        assert torch.equal(read(name), wanted), name


def test_settings_beside_the_config_are_read(dense, tmp_path):
    stored, _ = writers.write_pair(tmp_path, dense, writers.gptq, None)
    (stored / "quantize_config.json").write_text(json.dumps({"bits": 4, "group_size": 32, "desc_act": False}))
    assert read_checkpoint(stored).storage.form == "GPTQ, 4 bits, group 32"


def test_settings_inside_the_language_part_are_read(tmp_path):
    spec = replace(TINY["qwen3_vl"], layers=1)
    stored, _ = writers.write_pair(tmp_path, spec, writers.fp8, None)
    config = json.loads((stored / "config.json").read_text())
    config["text_config"]["quantization_config"] = FP8
    (stored / "config.json").write_text(json.dumps(config))
    assert read_checkpoint(stored).storage.form == "FP8, block 128"


def test_what_is_left_alone_is_counted_by_reason(dense, tmp_path):
    stored, _ = writers.write_pair(tmp_path, dense, writers.gptq, GPTQ)
    path = stored / "model.safetensors"
    save_file({**load_file(path), "model.layers.0.self_attn.q_proj.input_scale": torch.ones(1),
               "mtp.norm.weight": torch.ones(64)}, path)  # fmt: skip
    unused = {each.reason: each.tensors for each in read_checkpoint(stored).storage.unused}
    assert unused == {"activation_scales": 1, "prediction_heads": 1, "zero_biases": 14}
