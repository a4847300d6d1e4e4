"""A deep network of synthetic weights computes something: nothing overflows and logits are neither flat nor one-hot."""

import pytest
import torch

from backends.qwen.synthetic import synthetic_model

DEEP = {"layers": 60, "hidden_size": 128, "intermediate_size": 256, "attention_heads": 8, "vocab_size": 2000}
LARGEST_ACTIVATION = 200.0
"""float16 ends at 65504; three hundred times less leaves room for a wider model."""

PROMPT = torch.arange(3, 27)[None] * 71 % 2000


@pytest.fixture(scope="module", params=["qwen2", "qwen3"])
def deep_network(request, make_spec, build_network):
    return build_network(synthetic_model(make_spec(architecture=request.param, **DEEP)), "float32")


@pytest.fixture(params=["float32", "float16"])
def run(request, deep_network):
    """Logits at every position, and the largest absolute output of any module on the way."""
    # Synthetic values are exact in float16 (test_synthetic_identity), so casting equals building in it.
    network = deep_network.to(getattr(torch, request.param))
    largest = []

    def watch(module, inputs, output):
        value = output[0] if isinstance(output, tuple) else output
        if isinstance(value, torch.Tensor):
            largest.append(value.float().abs().max().item())

    modules = [module for name, module in network.named_modules() if name.startswith("model.layers.")]
    hooks = [module.register_forward_hook(watch) for module in modules]
    with torch.inference_mode():
        logits = network(input_ids=PROMPT).logits[0].float()
    for hook in hooks:
        hook.remove()
    return logits, largest


def test_activations_and_logits_stay_healthy_through_sixty_layers(run):
    logits, largest = run
    assert len(largest) > 60 * 10
    assert torch.isfinite(logits).all()
    assert max(largest) < LARGEST_ACTIVATION
    assert largest[-1] > 0.1
    deviation = logits.std(dim=-1)
    assert deviation.min() > 1 and deviation.max() < 8
    assert len(set(logits.argmax(-1).tolist())) > 12
    # With a tied head a token that dominates the residual stream would predict itself for ever.
    assert (logits.argmax(-1) == PROMPT[0]).float().mean() < 0.2


def test_logits_depend_on_tokens_far_back(deep_network):
    prompt = torch.arange(24)[None]
    changed = prompt.clone()
    changed[0, 0] = 999
    with torch.inference_mode():
        before, after = (deep_network.float()(input_ids=ids).logits[0, -1] for ids in (prompt, changed))
    assert (before - after).abs().max() > 0.05
