"""torchao's formats, dequantised: a reference with them tells a healthy device from a faulty one."""

import numpy as np
import pytest
import torch

from backends.contract.backend import Execution
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.torch_device import decoder as decoders
from backends.torch_device.dequantised import FORMS, dequantised, held_weights
from profiler.run.parity import HeldReference, judge, score
from tests.backends.qwen.families import TINY
from tests.backends.torch_device.host import HostAccelerator

pytestmark = pytest.mark.slow

PROMPT, OUTPUT = 24, 12


def quiet(text):
    pass


@pytest.mark.parametrize("precision", FORMS)
@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_every_formats_weights_are_the_models_within_its_rounding(architecture, precision):
    weights = held_weights(synthetic_model(TINY[architecture]), precision)
    assert weights.form.error_max / 20 < weights.error() < weights.form.error_max


def test_the_values_are_those_that_the_decoder_multiplies_with(load, make_workload_of):
    model = synthetic_model(TINY["qwen3"])
    backend = load(HostAccelerator, model, "int8", make_workload_of(PROMPT, OUTPUT))
    layer = backend._runner._decoder.layers[1]
    held = held_weights(model, "int8")
    joined = [held.read(f"model.layers.1.self_attn.{part}_proj.weight") for part in "qkv"]
    assert torch.equal(layer.qkv.weight.dequantize(torch.float32), torch.cat(joined))
    head = held.read("lm_head.weight")
    assert torch.equal(backend._runner._decoder.head.weight.dequantize(torch.float32), head)
    assert torch.equal(held.read("model.embed_tokens.weight"), backend._runner._decoder.embedding.float())


def test_rows_are_quantised_alike_alone_and_together():
    matrix = (torch.rand(12, 96, generator=torch.Generator().manual_seed(1)) - 0.5).bfloat16()
    for precision in FORMS:
        assert torch.equal(dequantised(matrix, precision)[4:6], dequantised(matrix[4:6], precision)), precision


def skipped_layer(decoder, monkeypatch):
    for linear in (decoder.layers[1].o, decoder.layers[1].down):
        getattr(linear.weight, "scale", linear.weight).zero_()


def wrong_scale_column(decoder, monkeypatch):
    weight = decoder.layers[1].o.weight
    if hasattr(weight, "scale"):
        weight.scale.mul_(2)
    else:
        weight[:, :16] *= 2


def layer_norm(decoder, monkeypatch):
    norm = decoders.rms_norm
    monkeypatch.setattr(decoders, "rms_norm", lambda x, *rest: norm(x - x.mean(-1, keepdim=True), *rest))


def rotary_off_by_one(decoder, monkeypatch):
    for table in decoder.rotary:
        table[PROMPT:-1] = table[PROMPT + 1 :].clone()


def dropped_bias(decoder, monkeypatch):
    decoder.layers[1].qkv.bias.zero_()


def stale_row(decoder, monkeypatch):
    step = decoder.step

    def stale(tokens, position, *rest):
        for layer in decoder.layers:
            for cache in (layer.keys, layer.values):
                cache[:, PROMPT - 1] = cache[:, PROMPT - 2]
        return step(tokens, position, *rest)

    monkeypatch.setattr(decoder, "step", stale)


FAULTS = [None, skipped_layer, wrong_scale_column, layer_norm, rotary_off_by_one, dropped_bias, stale_row]


CASES = [
    (architecture, fault)
    for architecture in ("qwen2", "qwen3")
    for fault in FAULTS
    if architecture == "qwen2" or fault is not dropped_bias
]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("precision", ["int8", "bfloat16", "float32"])
@pytest.mark.parametrize(("architecture", "fault"), CASES, ids=lambda one: getattr(one, "__name__", one or "healthy"))
def test_every_fault_fails_and_the_healthy_device_passes(
    load, make_workload_of, monkeypatch, fault, precision, architecture, seed
):
    model, workload = synthetic_model(TINY[architecture], seed), make_workload_of(PROMPT, OUTPUT, vocabulary=509)
    positions = list(range(OUTPUT))
    true = compute_reference(model, workload.prompt_ids, OUTPUT, positions, 1, quiet)
    held = None
    if HostAccelerator.held_key(Execution(model, precision, 1, 1, PROMPT + OUTPUT)):
        weights = held_weights(model, precision)
        own = compute_reference(
            model, workload.prompt_ids, OUTPUT, positions, 1, quiet, forced_ids=true.tokens, weights=weights
        )
        held = HeldReference(own.logits, weights.error(), weights.form.error_max)
    assert (held is not None) == (precision == "int8")
    backend = load(HostAccelerator, model, precision, workload)
    if fault is not None:
        with torch.inference_mode():
            fault(backend._runner._decoder, monkeypatch)
    logits = backend.score(np.asarray(workload.prompt_ids), true.tokens, positions)
    loss = score(logits, true.logits, precision, (), ())
    judged = judge(loss, logits, precision, held, HostAccelerator.arithmetic(precision))
    assert judged.passed == (fault is None), (judged.kl_mean, judged.arithmetic and judged.arithmetic.kl_mean)
