"""The parity gate must catch networks that are built wrongly: each fault alone exceeds the float32 limits."""

import pytest
import torch

from backends.qwen.synthetic import synthetic_model
from profiler.run.parity import THRESHOLDS, score

DIMENSIONS = {"layers": 4, "hidden_size": 128, "intermediate_size": 256, "attention_heads": 8, "head_dim": 32}
FAULTS = {}


def fault(*architectures):
    def register(function):
        FAULTS[function.__name__] = (function, architectures)
        return function

    return register


@fault("qwen2", "qwen3")
def wrong_rotary_base(network):
    network.model.rotary_emb.inv_freq = 10_000.0 ** (-torch.arange(0, 32, 2) / 32)


@fault("qwen2", "qwen3")
def norm_weights_ignored(network):
    for layer in network.model.layers:
        layer.input_layernorm.weight = torch.nn.Parameter(torch.ones(128), requires_grad=False)


@fault("qwen2", "qwen3")
def final_norm_ignored(network):
    network.model.norm.weight = torch.nn.Parameter(torch.ones(128), requires_grad=False)


@fault("qwen3")
def query_and_key_norms_dropped(network):
    for layer in network.model.layers:
        layer.self_attn.q_norm = layer.self_attn.k_norm = torch.nn.Identity()


@fault("qwen3")
def query_and_key_norm_weights_ignored(network):
    for layer in network.model.layers:
        for norm in (layer.self_attn.q_norm, layer.self_attn.k_norm):
            norm.weight = torch.nn.Parameter(torch.ones(32), requires_grad=False)


@fault("qwen2")
def biases_dropped(network):
    for layer in network.model.layers:
        for part in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
            part.bias = None


@fault("qwen2", "qwen3")
def layer_norm_instead_of_rms_norm(network):
    class Centred(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x - x.mean(-1, keepdim=True))

    for layer in network.model.layers:
        layer.input_layernorm = Centred(layer.input_layernorm)
        layer.post_attention_layernorm = Centred(layer.post_attention_layernorm)
    network.model.norm = Centred(network.model.norm)


@fault("qwen2", "qwen3")
def a_layer_skipped(network):
    network.model.layers[2].forward = lambda hidden_states, *args, **kwargs: hidden_states


@fault("qwen2", "qwen3")
def two_layers_swapped(network):
    layers = network.model.layers
    layers[1], layers[2] = layers[2], layers[1]


@fault("qwen2", "qwen3")
def attention_scores_not_scaled(network):
    for layer in network.model.layers:
        layer.self_attn.scaling = 1.0


@fault("qwen2", "qwen3")
def heads_read_the_wrong_keys(network):
    """As when a grouped-query cache is laid out head-first: the key heads change places."""
    for layer in network.model.layers:
        projection = layer.self_attn.k_proj
        projection.weight = torch.nn.Parameter(projection.weight.roll(32, 0), requires_grad=False)


CASES = [(name, architecture) for name, (_, architectures) in FAULTS.items() for architecture in architectures]


def logits_of(network, prompt):
    with torch.inference_mode():
        return network(input_ids=prompt).logits.numpy()[:, -32:]


@pytest.fixture(scope="module")
def parity_of(make_spec, build_network):
    """Parity of a network after ``damage`` against the sound one, on the last 32 positions of a prompt."""

    def compare(architecture, damage, precision):
        model = synthetic_model(make_spec(architecture=architecture, **DIMENSIONS))
        prompt = torch.arange(48)[None] * 83 % 512
        sound = logits_of(build_network(model, "float32"), prompt)
        network = build_network(model, "float32")
        damage(network)
        return score(logits_of(network, prompt), sound, precision, (), ())

    return compare


@pytest.mark.parametrize(("name", "architecture"), CASES)
def test_a_wrongly_built_network_fails_the_float32_gate(parity_of, name, architecture):
    assert not parity_of(architecture, FAULTS[name][0], "float32").passed


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
@pytest.mark.parametrize("precision", THRESHOLDS)
def test_a_sound_network_passes_every_gate(parity_of, architecture, precision):
    assert parity_of(architecture, lambda network: None, precision).passed
