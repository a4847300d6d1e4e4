"""The digest of weights: the same on any device, in any type and order; different for any other values."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backends.qwen import synthetic
from backends.qwen.synthetic import fill
from backends.qwen.weights_digest import WeightsDigest, tensor_sum


def by_hand(values):
    """The definition, in Python's own integers."""
    bits = np.asarray(values, dtype=np.float32).view(np.int32)
    factors = (((index * 0x9E3779B97F4A7C15) | 1) for index in range(len(bits)))
    return sum(int(word) * factor for word, factor in zip(bits, factors, strict=True)) % 2**64


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_the_sum_is_the_one_defined(values):
    assert int(tensor_sum(torch.tensor(values, dtype=torch.float32))) % 2**64 == by_hand(values)


@given(st.lists(st.integers(-255, 255), min_size=2, max_size=40), st.data())
def test_a_changed_value_or_two_swapped_ones_show(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(st.integers(0, len(values) - 1))
    before = tensor_sum(torch.tensor(values, dtype=torch.float32))
    changed = [value + (index == place) for index, value in enumerate(values)]
    assert int(tensor_sum(torch.tensor(changed, dtype=torch.float32))) != int(before)
    if values[place] != values[other]:
        swapped = list(values)
        swapped[place], swapped[other] = values[other], values[place]
        assert int(tensor_sum(torch.tensor(swapped, dtype=torch.float32))) != int(before)


def test_type_and_size_of_the_pieces_do_not_matter(make_spec, monkeypatch):
    spec = make_spec()
    sums = set()
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        tensor = torch.empty(512, 64, dtype=dtype)
        fill(tensor, spec, "model.embed_tokens.weight", 3)
        for pieces in (1 << 20, 1000, 64):
            monkeypatch.setattr(synthetic, "CHUNK_ELEMENTS", pieces)
            sums.add(int(tensor_sum(tensor)))
    assert len(sums) == 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "int8"])
def test_every_way_to_load_synthetic_weights_has_the_references_digest(
    load, host_accelerator, reference_of, tiny_model, make_workload_of, precision
):
    from backends.contract.backend import Execution

    workload = make_workload_of(4, 2)
    facts = host_accelerator().load(Execution(tiny_model, precision, 1, 1, 6), lambda text: None)
    assert facts.weights_digest == reference_of(tiny_model, workload).weights_digest


def test_names_enter_the_digest_and_their_order_does_not():
    one, two, other = WeightsDigest(), WeightsDigest(), WeightsDigest()
    a, b = torch.ones(4), torch.zeros(4)
    one.add("a", a), one.add("b", b)
    two.add("b", b), two.add("a", a)
    other.add("a", b), other.add("b", a)
    assert one.hexdigest() == two.hexdigest() != other.hexdigest()
