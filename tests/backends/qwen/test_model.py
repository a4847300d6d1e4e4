"""Sizes and operations of a model follow from its dimensions: they agree with real networks and published figures."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from backends.qwen.mixers import DeltaNet
from backends.qwen.model import QUANTISATION_BLOCK
from backends.qwen.synthetic import synthetic_model
from profiler.models.presets import presets
from tests.backends.qwen.families import TINY

EXACT = {
    "qwen2.5-0.5b": (494_032_768, 357_898_112),
    "qwen2.5-1.5b": (1_543_714_304, 1_310_340_608),
    "qwen2.5-7b": (7_615_616_512, 6_525_621_760),
    "qwen3-0.6b": (596_049_920, 440_467_456),
    "qwen3-8b": (8_190_735_360, None),
}


COUNTS = {entry["name"]: entry for entry in yaml.safe_load(Path(__file__).with_name("counts.yaml").read_text())}


@pytest.mark.parametrize("name", sorted(set(presets()) - set(COUNTS)))
def test_computed_parameters_are_within_1_5_percent_of_the_published_count(name):
    preset = presets()[name]
    assert preset.spec.parameters == pytest.approx(preset.backing.published.parameters_b * 1e9, rel=0.015)
    published = preset.backing.published.non_embedding_parameters_b * 1e9
    assert preset.spec.non_embedding_parameters == pytest.approx(published, rel=0.015)


@pytest.mark.parametrize(("name", "counts"), EXACT.items())
def test_totals_that_are_known_exactly_are_met_exactly(name, counts):
    total, without_embedding = counts
    spec = presets()[name].spec
    assert spec.parameters == total
    assert without_embedding in (None, spec.non_embedding_parameters)


def test_every_model_with_an_independent_count_is_in_the_catalogue():
    assert len(COUNTS) == 56
    assert set(COUNTS) <= set(presets())


@pytest.mark.parametrize("name", list(COUNTS))
def test_parts_add_up_to_an_independent_count(name):
    spec, count = presets()[name].spec, COUNTS[name]
    computed = {
        "parameters": spec.parameters,
        "language_model": spec.language_parameters,
        "non_embedding": spec.non_embedding_parameters,
        "active_non_embedding": spec.active_parameters("layers"),
        "active_with_head": spec.active_parameters("with_head"),
        "active_with_embedding_and_head": spec.active_parameters("with_embedding_and_head"),
    }
    assert {key: computed[key] for key in count if key in computed} == {
        key: value for key, value in count.items() if key in computed
    }


@pytest.mark.parametrize("name", list(COUNTS))
def test_cache_and_state_are_those_of_the_layers_that_keep_them(name):
    spec, count = presets()[name].spec, COUNTS[name]
    pooled = 0
    if spec.indexer:  # its keys come beside keys and values
        pooled = spec.layers // spec.full_every * spec.indexer.kv_heads * spec.indexer.head_dim * 2
    assert spec.kv_bytes_per_token("bfloat16") - pooled == count["kv_bytes_per_token_bf16"]
    state = spec.state_bytes("bfloat16")
    if spec.ngrams:
        state -= spec.ngrams.state_elements(spec.hidden_size, spec.streams.count) * 2
    assert state == count.get("recurrent_state_bytes", 0) + count.get("conv_state_bytes_bf16", 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(presets()))
def test_the_tensors_are_those_that_transformers_allocates(name):
    from backends.qwen.torch_model import empty_qwen

    spec = presets()[name].spec
    theirs = {name: tuple(tensor.shape) for name, tensor in empty_qwen(spec).named_parameters()}
    ours = {weight.name: weight.shape for weight in (*spec.language_weights(), *spec.tower_weights())}
    assert theirs == ours


def test_every_preset_spends_its_heads_evenly():
    for preset in presets().values():
        assert preset.spec.attention_heads % preset.spec.kv_heads == 0
        assert preset.spec.head_dim % 2 == 0


def test_float_formats_take_their_width_times_the_parameters(make_spec):
    spec = make_spec()
    assert spec.weight_bytes("float32") == 4 * spec.parameters
    assert spec.weight_bytes("bfloat16") == spec.weight_bytes("float16") == 2 * spec.parameters


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_quantised_bytes_are_matrices_plus_scales_plus_float32_rest(make_spec, architecture, precision, bits):
    spec = make_spec(architecture=architecture)
    shapes = spec.tensor_shapes()
    quantised = sum(math.prod(s) for name, s in shapes.items() if len(s) == 2 and "embed_tokens" not in name)
    if spec.tied_embeddings:
        quantised += spec.embedding_parameters
    vectors = sum(math.prod(s) for s in shapes.values() if len(s) == 1)
    matrices = quantised * bits // 8 + 4 * quantised // QUANTISATION_BLOCK
    assert spec.decode_weight_bytes(precision) == matrices + 4 * vectors
    assert spec.weight_bytes(precision) == matrices + 4 * (vectors + spec.embedding_parameters)


def test_a_decode_step_reads_everything_but_the_untied_embedding(make_spec):
    tied, untied = make_spec(), make_spec(tied_embeddings=False)
    assert tied.decode_weight_bytes("float32") == 4 * tied.parameters
    assert untied.decode_weight_bytes("float32") == 4 * (untied.parameters - untied.embedding_parameters)


def test_the_cache_holds_a_key_and_a_value_per_layer_and_kv_head(make_spec):
    spec = make_spec(layers=5, kv_heads=2, head_dim=16)
    assert spec.kv_bytes_per_token("float32") == 2 * 5 * 2 * 16 * 4
    assert spec.kv_bytes_per_token("bfloat16") == 2 * 5 * 2 * 16 * 2


def test_cutting_layers_changes_the_digest_and_the_name_but_renaming_does_not_change_the_digest(make_spec):
    spec = make_spec()
    cut = spec.with_layers(2)
    assert (cut.layers, cut.name) == (2, "tiny-2layers")
    assert cut.digest() != spec.digest() == make_spec(name="another").digest()
    assert spec.with_layers(spec.layers) is spec


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
