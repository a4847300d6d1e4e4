"""Counted operations against PyTorch's own counter."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
