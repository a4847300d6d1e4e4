"""Counted operations against PyTorch's own counter."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from backends.qwen.mixers import DeltaNet
from backends.qwen.synthetic import synthetic_model
from tests.backends.qwen.families import TINY


def counted_flops(network, prompt, cache=None):
    """What PyTorch counts for the matrix products of one forward pass, attention by plain products."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        out = network(input_ids=prompt, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return counter.get_total_flops(), out.past_key_values


@pytest.mark.parametrize("tokens", [1, 24])
def test_prefill_counts_projections_and_causal_attention(tiny_model, build_network, tokens):
    spec = tiny_model.spec
    network = build_network(tiny_model, "float32")
    counted, _ = counted_flops(network, torch.arange(tokens)[None])
    # PyTorch computes and counts the whole square of scores; ours has the lower triangle, diagonal included.
    above_diagonal = 4 * spec.layers * spec.attention_width * (tokens * (tokens - 1) // 2)
    assert counted == spec.prefill_flops(tokens) + above_diagonal


@pytest.mark.parametrize("context", [2, 25])
def test_decode_counts_one_token_against_its_whole_context(tiny_model, build_network, context):
    network = build_network(tiny_model, "float32")
    _, cache = counted_flops(network, torch.arange(context - 1)[None])
    counted, _ = counted_flops(network, torch.tensor([[5]]), cache)
    assert counted == tiny_model.spec.decode_flops(context)


def test_prefilling_one_token_costs_what_decoding_it_costs(make_spec):
    spec = make_spec()
    assert spec.prefill_flops(1) == spec.decode_flops(1)


TEXT = [name for name in TINY if name != "qwen4_exp"]  # transformers computes its sparse attention densely


@pytest.mark.parametrize("architecture", TEXT)
def test_every_family_costs_what_pytorch_counts_for_one_token(architecture, build_network):
    """What Gated DeltaNet does element by element PyTorch does not count; its short convolution we do not."""
    spec = TINY[architecture]
    network = build_network(synthetic_model(spec), "float32")
    for module in network.modules():  # PyTorch counts plain products, not grouped ones
        if hasattr(module, "config"):
            module.config._experts_implementation = "eager"
    _, cache = counted_flops(network, torch.arange(24)[None])
    counted, _ = counted_flops(network, torch.tensor([[5]]), cache)
    mixers = [layer.mixer for layer in spec.all_layers() if isinstance(layer.mixer, DeltaNet)]
    state = sum(mixer.decode_flops(25) for mixer in mixers)
    convolution = sum(2 * mixer.taps * mixer.channels for mixer in mixers)
    rotary = spec.head_dim * max(1, 3 if spec.mrope else 1)
    assert abs(counted - (spec.decode_flops(25) - state)) <= 2 * convolution + rotary
