"""The recipe of synthetic weights, rebuilt here from its description alone and pinned by a digest."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
