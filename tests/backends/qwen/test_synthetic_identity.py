"""Synthetic weights are bit-identical whatever the chunking, dtype, thread count, offset or order."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.qwen import synthetic
from backends.qwen.synthetic import fill

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
