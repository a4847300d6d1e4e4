"""The fast Gated DeltaNet beside transformers' own, step by step, from one cache each."""

import pytest
import torch

from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen, preallocated_cache
from backends.torch_cpu.delta_mixer import DeltaMixer, joined_weight
from backends.torch_cpu.packed_linear import linear_of
from tests.backends.qwen.families import TINY


def mixers_of(architecture, packed=False):
    spec = TINY[architecture]
    network = build_qwen(synthetic_model(spec), "float32", lambda text: None)
    theirs = network.get_submodule(f"{spec.family.language_prefix}layers.0.linear_attn")
    return spec, theirs, DeltaMixer(theirs, spec, linear_of(packed))


@pytest.mark.parametrize("architecture", ["qwen3_next", "qwen3_5", "qwen4_exp"])
@pytest.mark.parametrize("prompt", [1, 2, 70])
def test_prompt_and_steps_are_those_of_transformers(architecture, prompt):
    """Seven steps: the ring of four inputs goes round; two runs: the second starts from nothing."""
    spec, theirs, ours = mixers_of(architecture)
    random = torch.Generator().manual_seed(0)
    caches = [preallocated_cache(spec, 100) for _ in range(2)]
    with torch.inference_mode():
        for _ in range(2):
            for tokens in (prompt, *[1] * 7):
                hidden = torch.randn(2, tokens, spec.hidden_size, generator=random)
                expected, found = (mixer(hidden, cache_params=cache)
                                   for mixer, cache in zip((theirs, ours), caches, strict=True))  # fmt: skip
                torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
            for cache in caches:
                for layer in cache.layers:
                    layer.reset()


def test_a_step_writes_the_state_where_it_lies():
    spec, _, ours = mixers_of("qwen3_5")
    cache = preallocated_cache(spec, 100)
    with torch.inference_mode():
        ours(torch.randn(1, 5, spec.hidden_size), cache_params=cache)
        state = cache.layers[0].recurrent_states[0]
        address, before = state.data_ptr(), state.clone()
        ours(torch.randn(1, 1, spec.hidden_size), cache_params=cache)
    assert cache.layers[0].recurrent_states[0].data_ptr() == address
    assert not torch.equal(state, before)


def test_fused_projections_are_put_in_the_order_of_split_ones():
    spec, theirs, _ = mixers_of("qwen3_next")
    hidden = torch.randn(1, 3, spec.hidden_size)
    query, key, value, z, b, a = theirs.fix_query_key_value_ordering(
        theirs.in_proj_qkvz(hidden), theirs.in_proj_ba(hidden)
    )
    expected = torch.cat([part.flatten(2) for part in (query, key, value, z, b, a)], dim=-1)
    torch.testing.assert_close(hidden @ joined_weight(theirs, spec.delta).T, expected)


def test_a_prompt_upon_a_prompt_goes_on_from_its_state():
    spec, _, ours = mixers_of("qwen3_5")
    tokens = torch.randn(1, 9, spec.hidden_size)
    with torch.inference_mode():
        whole = ours(tokens, cache_params=preallocated_cache(spec, 100))
        cache = preallocated_cache(spec, 100)
        parts = [ours(part, cache_params=cache) for part in tokens.split([5, 1, 3], dim=1)]
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5)
