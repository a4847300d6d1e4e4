"""Synthetic weights: the recipe, the same bits everywhere, and a network that stays healthy at any depth."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.qwen import synthetic
from backends.qwen.synthetic import SCHEME, fill, synthetic_model, tensor_scale

SPEC_NAMES = {
    # name: (offset, exponent), worked out by hand for hidden 64, intermediate 128, 3 layers, attention width 64:
    # log2 of the wanted deviation over 147.8, that of the odd integers -255..255, rounded to a whole power.
    "model.embed_tokens.weight": (0, -9),
    "model.layers.0.self_attn.o_proj.weight": (0, -11),
    "model.layers.0.mlp.down_proj.weight": (0, -12),
    "model.layers.2.mlp.up_proj.weight": (0, -10),
    "model.layers.1.input_layernorm.weight": (64, -6),
    "model.layers.1.self_attn.q_norm.weight": (80, -6),
    "model.norm.weight": (0, -7),
}


def lowbias32(x):
    """https://nullprogram.com/blog/2018/07/31/, on plain integers."""
    x ^= x >> 16
    x = x * 0x7FEB352D & 0xFFFFFFFF
    x ^= x >> 15
    x = x * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


def expected_value(seed, name, index, offset, exponent):
    key = int.from_bytes(hashlib.sha256(f"lowbias32-bytes/1:{seed}:{name}".encode()).digest()[:4], "little")
    octet = lowbias32(index // 4 ^ key) >> 8 * (index % 4) & 0xFF
    level = (octet // 4 + offset - 32) if offset else 2 * octet - 255
    return level * 2.0**exponent


@pytest.mark.parametrize(("name", "scale"), SPEC_NAMES.items())
def test_every_kind_of_tensor_has_the_scale_its_formula_gives(make_spec, name, scale):
    assert tensor_scale(make_spec(), name) == scale


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(list(SPEC_NAMES)),
    seed=st.integers(0, 2**40),
    word=st.integers(0, 2**31 - 2**10),
    count=st.integers(1, 41),
)
def test_every_element_is_what_the_described_hash_gives(make_spec, name, seed, word, count):
    tensor = torch.empty(count)
    fill(tensor, make_spec(), name, seed, start=4 * word)
    expected = [expected_value(seed, name, 4 * word + i, *SPEC_NAMES[name]) for i in range(count)]
    assert tensor.tolist() == expected


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("model.layers.0.mlp.gate_proj.weight", "267d7c138a609fb493c0cb612ca47bb82e6957a9e1b31ab3b190a82e46895aae"),
        ("model.layers.1.self_attn.k_norm.weight", "16d817df1930b339054f664ffff4c6282b63b264ef75f673765a1101e2df6d3d"),
    ],
)
def test_the_recipe_has_not_drifted(make_spec, name, digest):
    tensor = torch.empty(256, dtype=torch.bfloat16)
    fill(tensor, make_spec(), name, seed=0)
    assert hashlib.sha256(tensor.view(torch.uint8).numpy().tobytes()).hexdigest() == digest


def test_the_models_digest_has_not_drifted(make_spec):
    assert SCHEME == "lowbias32-bytes/1"
    assert synthetic_model(make_spec()).digest == "2f51cf64de7282e3526604862e307efbf439b8fff545f94fbfbf69bf453229e1"


def test_the_digest_covers_seed_and_dimensions_but_not_the_name(make_spec):
    base = synthetic_model(make_spec())
    assert base.digest == synthetic_model(make_spec(name="renamed")).digest
    assert base.digest != synthetic_model(make_spec(), seed=1).digest
    assert base.digest != synthetic_model(make_spec(rope_theta=1e4)).digest


def test_a_start_inside_a_word_is_refused(make_spec):
    with pytest.raises(ValueError, match="multiple of 4"):
        fill(torch.empty(4), make_spec(), "model.norm.weight", 0, start=2)


MATRIX = "model.layers.0.mlp.gate_proj.weight"
NORM = "model.layers.0.input_layernorm.weight"


def filled(spec, name, count=5000, dtype=torch.float32, seed=0, start=0):
    tensor = torch.empty(count, dtype=dtype)
    fill(tensor, spec, name, seed, start)
    return tensor


@pytest.mark.parametrize("name", [MATRIX, NORM])
@pytest.mark.parametrize("chunk", [4, 12, 1024, 4996, 1 << 20])
def test_the_size_of_a_chunk_changes_nothing(make_spec, monkeypatch, name, chunk):
    whole = filled(make_spec(), name)
    monkeypatch.setattr(synthetic, "CHUNK_ELEMENTS", chunk)
    assert torch.equal(filled(make_spec(), name), whole)


@settings(max_examples=30, deadline=None)
@given(word=st.integers(0, 1200), count=st.integers(1, 200))
def test_a_slice_generated_alone_equals_the_slice_of_the_whole(make_spec, word, count):
    whole = filled(make_spec(), MATRIX)
    start = 4 * word
    part = filled(make_spec(), MATRIX, count=min(count, 5000 - start), start=start)
    assert torch.equal(part, whole[start : start + len(part)])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_are_exact_in_half_precision_for_every_tensor_of_every_architecture(tiny_model, dtype):
    for name, shape in tiny_model.spec.tensor_shapes().items():
        count = torch.Size(shape).numel()
        half = filled(tiny_model.spec, name, count, dtype)
        assert torch.equal(half.to(torch.float32), filled(tiny_model.spec, name, count)), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("hidden", [64, 8192])
def test_a_wide_model_stays_exact_in_half_precision_too(make_spec, dtype, hidden):
    spec = make_spec(hidden_size=hidden, intermediate_size=4 * hidden, layers=80)
    for name in (MATRIX, NORM, "model.layers.0.mlp.down_proj.weight", "model.embed_tokens.weight"):
        assert torch.equal(filled(spec, name, dtype=dtype).float(), filled(spec, name)), name


def test_the_number_of_threads_changes_nothing(make_spec):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = filled(make_spec(), MATRIX, count=400_000)
        torch.set_num_threads(2)
        two = filled(make_spec(), MATRIX, count=400_000)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)


def test_the_order_of_tensors_changes_nothing(tiny_model):
    spec = tiny_model.spec
    names = list(spec.tensor_shapes())
    forward = {name: filled(spec, name, 64) for name in names}
    backward = {name: filled(spec, name, 64) for name in reversed(names)}
    assert all(torch.equal(forward[name], backward[name]) for name in names)


def test_other_seeds_and_other_names_give_other_values(make_spec):
    spec = make_spec()
    base = filled(spec, MATRIX)
    for other in (filled(spec, MATRIX, seed=1), filled(spec, MATRIX.replace("0", "1"))):
        assert abs(torch.corrcoef(torch.stack([base, other]))[0, 1]) < 0.05


def test_matrices_have_zero_mean_and_the_scale_that_keeps_activations(make_spec):
    spec = make_spec()
    values = filled(spec, MATRIX, count=200_000)
    wanted = 1 / spec.hidden_size**0.5
    assert abs(values.mean()) < 0.01 * wanted
    # Scales are powers of two, so within a factor of the root of two.
    assert wanted / 2**0.5 <= values.std() <= wanted * 2**0.5


def test_norm_weights_lie_around_one_and_are_not_all_alike(make_spec):
    values = filled(make_spec(), NORM, count=10_000)
    assert values.mean() == pytest.approx(1, abs=0.02)
    assert 0.5 <= values.min() < 0.55 and 1.45 < values.max() < 1.5


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
