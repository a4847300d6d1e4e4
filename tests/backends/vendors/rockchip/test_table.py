"""What rknn-toolkit2 2.5.0 really printed for a decode step of a tiny Qwen3, and the same damaged."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.common.errors import WorkerError
from backends.vendors.rockchip.table import HARMLESS, Report, error_lines, read_report

RECORDED = Path(__file__).parent / "recorded"
PLATFORMS = ("rk3588", "rk3568", "rk3576")

REGTASK = (RECORDED / "regtask.txt").read_text()


def recorded(platform):
    return (RECORDED / f"decode_layer_{platform}.txt").read_text()


@pytest.mark.parametrize(
    ("platform", "rows", "timed", "cycles", "internal_kb", "weight_kb", "host"),
    [
        ("rk3588", 41, 12, 4509, 34.6875, 75.8125, {"Reshape": 2}),
        ("rk3568", 43, 13, 13921, 27.375, 73.5625, {"Reshape": 3, "Transpose": 5, "exSoftmax13": 1}),
        ("rk3576", 41, 12, 12871, 35.375, 108.562, {}),
    ],
)
def test_the_table_and_the_plan_are_read(platform, rows, timed, cycles, internal_kb, weight_kb, host):
    found = read_report(recorded(platform))
    assert (len(found.rows), len(found.timed), found.cycles()) == (rows, timed, cycles)
    assert (found.internal_kb, found.weight_kb) == (internal_kb, weight_kb)
    assert found.counted("CPU") == host
    assert Counter(row.operator for row in found.host) == host


def test_rows_carry_what_they_give_out_and_what_they_stand_for():
    (softmax,) = [row for row in read_report(recorded("rk3568")).host if row.operator == "exSoftmax13"]
    assert (softmax.host_row.onnx, softmax.host_row.elements) == (("Softmax",), 4 * 18)


def test_colours_do_not_hide_a_row():
    plain = recorded("rk3588")
    painted = "".join(f"\x1b[33m{line}\x1b[0m\n" for line in plain.splitlines())
    assert read_report(painted) == read_report(plain)


def test_of_two_tables_the_last_counts():
    assert read_report(recorded("rk3588") + recorded("rk3568")) == read_report(recorded("rk3568"))


def test_lines_printed_as_errors_are_counted_by_kind():
    assert error_lines(recorded("rk3576")) == {}
    harmless = error_lines(recorded("rk3568"))
    assert harmless == {"Unkown op target: 0": 3} and set(harmless) == set(HARMLESS)
    assert error_lines(REGTASK + "\x1b[31mE RKNN: no stamp here\x1b[0m\n") == {"REGTASK": 3, "no stamp here": 1}


@pytest.mark.parametrize("cut", ["D RKNN: [02:43:21.684] Total Internal", "Total Weight Memory Size"])
def test_a_table_without_its_plan_is_refused(cut):
    text = recorded("rk3588")
    with pytest.raises(WorkerError, match="cut off"):
        read_report(text[: text.index(cut)])


def test_no_table_at_all_is_refused():
    with pytest.raises(WorkerError, match="no table of operators"):
        read_report("I rknn building done.\n")


def test_a_row_that_cannot_be_read_is_refused_and_shown():
    text = recorded("rk3588").replace("exSDPAttention     FLOAT16  NPU", "exSDPAttention     FLOAT16  ???")
    with pytest.raises(WorkerError, match=r"cannot be read: .*exSDPAttention"):
        read_report(text)


@settings(max_examples=150, deadline=None)
@given(platform=st.sampled_from(PLATFORMS), data=st.data())
def test_damaged_text_gives_a_report_or_one_line(platform, data):
    text = recorded(platform)
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, min(len(text), at + 4000)))
    damaged = text[:at] + data.draw(st.text(max_size=40)) + text[to:]
    try:
        found = read_report(damaged)
    except WorkerError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, Report) and found.rows
    assert all(count > 0 for count in error_lines(damaged).values())
