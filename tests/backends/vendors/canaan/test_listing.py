"""nncase 2.11.0's listing of a prefill of a tiny Qwen3, quantised for the K230, as it was written; and damaged."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.common.errors import WorkerError
from backends.toolchains.running import telling_line
from backends.vendors.canaan.listing import Listing, read_listing

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(scope="module")
def text():
    return (RECORDED / "prefill_layer_int8.il").read_text()


def test_what_the_kpu_does_and_what_is_left_to_the_cpu(text):
    found = read_listing(text)
    assert found.computes_on_kpu
    assert (found.kpu["GNNEConv2D"], found.kpu["GNNEMatMul"]) == (7, 2)
    left = Counter(row.operator for row in found.host)
    assert left["Softmax"] == 1 and left["Binary.Div"] == left["Unary.Sqrt"] == left["Unary.Square"] == 4
    assert not any(name.startswith("GNNE") for name in left)


def test_rows_carry_what_they_give_out_and_what_they_stand_for(text):
    (softmax,) = [row for row in read_listing(text).host if row.operator == "Softmax"]
    assert (softmax.onnx, softmax.elements) == (("Softmax",), 4 * 12 * 12)
    assert {row.onnx for row in read_listing(text).host if row.operator == "Unary.Square"} == {("Pow",)}


def test_moving_data_to_the_kpu_is_no_computing():
    assert not read_listing("  %1 = GNNELoad(%0): // u8[1,2]\n  %2 = Softmax(%1, 3): // f32[1,2]\n").computes_on_kpu


@pytest.mark.parametrize("line", ["%3 = Softmax(%1", "%3 = Softmax(%1): // f32[1,x]", "%3 = "])
def test_a_line_that_cannot_be_read_is_refused_and_numbered(line):
    with pytest.raises(WorkerError, match="line 2 of its listing cannot be read"):
        read_listing(f"  %1 = Sigmoid(%0): // f32[2]\n  {line}\n")


def test_an_empty_listing_is_refused():
    with pytest.raises(WorkerError, match="holds no operator"):
        read_listing("%main = fn():\n{\n}\n")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_text_gives_a_listing_or_one_line(text, data):
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, min(len(text), at + 3000)))
    try:
        found = read_listing(text[:at] + data.draw(st.text(max_size=40)) + text[to:])
    except WorkerError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, Listing) and (found.kpu or found.host)


def test_the_telling_line_of_a_real_abort():
    assert telling_line((RECORDED / "assertion_failed.txt").read_text()) == "Process terminated. Assertion Failed"
