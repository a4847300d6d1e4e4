"""Damaged outputs: whatever is cut, mixed or mutated, no parser raises, and no figure appears that was not printed."""

import re
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler.devices.plugins import installed
from profiler.records.host import Component
from tests.profiler.conftest import RECORDED
from tests.profiler.devices.test_parsers import ALL, reads

pytestmark = pytest.mark.slow

MIB = 1 << 20
TOOLS = installed().tools
BANNERS = (
    "dcmi module initialize failed. ret is -8005\n",
    "WARNING: driver 5 and library 4 do not match\n",
    "Segmentation fault (core dumped)\n",
    "\x1b[31mError: 12 V rail at 3 W, 99C\x1b[0m\n",
)
DIRT = "|0123456789 -/:.,%+[]{}()\"'CWMiBGN\tA\n²٣℃\ufffd\0"
KINDS = ("cut", "cut short", "mutate", "swap lines", "repeat", "swap cells", "banner", "bytes", "number", "number")
NUMBERS = (
    "88.2.5",
    "-5",
    "1,234",
    "1e5",
    "65535",
    "9" * 30,
    "٣٣",
    "0x1F",
    "5.",
    ".5",
    "²",
    "1 234",
    "007",
    "nan",
    "inf",
)
FLOATS = ("power_w", "power_limit_w", "temperature_c", "utilisation")


@st.composite
def damaged(draw, text):
    """Cuts, mutations, swapped and repeated lines, swapped cells, an error in the midst, another encoding."""
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(
            st.sampled_from(("cut", "cut short", "mutate", "swap lines", "repeat", "swap cells", "banner", "bytes"))
        )
        lines = text.splitlines(keepends=True)
        if not lines:
            break
        at, line = draw(st.integers(0, len(text) - 1)), draw(st.integers(0, len(lines) - 1))
        if kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 40)) :]
        elif kind == "cut short":
            text = text[:at]
        elif kind == "mutate":
            dirt = draw(st.text(DIRT, max_size=6))
            text = text[:at] + dirt + text[at + draw(st.integers(0, 6)) :]
        elif kind == "swap lines":
            other = draw(st.integers(0, len(lines) - 1))
            lines[line], lines[other] = lines[other], lines[line]
            text = "".join(lines)
        elif kind == "repeat":
            text = "".join([*lines[:line], lines[line], *lines[line:]])
        elif kind == "swap cells":
            cells = lines[line].split("|")
            first, second = draw(st.integers(0, len(cells) - 1)), draw(st.integers(0, len(cells) - 1))
            cells[first], cells[second] = cells[second], cells[first]
            text = "".join([*lines[:line], "|".join(cells), *lines[line + 1 :]])
        elif kind == "banner":
            text = "".join([*lines[:line], draw(st.sampled_from(BANNERS)), *lines[line:]])
        elif kind == "number" and (found := list(re.finditer(r"\d+(?:\.\d+)?", text))):
            one = draw(st.sampled_from(found))
            text = text[: one.start()] + draw(st.sampled_from(NUMBERS)) + text[one.end() :]
        else:
            coded = text.encode(draw(st.sampled_from(("utf-8", "gbk", "utf-16", "latin-1"))), "replace")
            text = coded.decode("utf-8", "replace")
    return text


def printed(text):
    """Every number that stands by itself, as a float: no part of ``88.2.5``, ``-5``, ``1,234`` or ``1e5``."""
    return {float(token) for token in re.findall(r"(?<![\w.,\-])\d+(?:\.\d+)?(?![\d.,])", text, re.ASCII)}


def check(tool, text):
    numbers = printed(text)
    answers = dict.fromkeys((*tool.questions, *tool.watched), text)
    for card in tool.cards(answers):
        part, state = card.component, card.sensors
        assert (
            isinstance(part, Component) and part.kind == "accelerator" and part.name and part.name.strip() == part.name
        )
        assert part.vendor is None or isinstance(part.vendor, str)
        for name in FLOATS:
            value = getattr(state, name)
            assert value is None or type(value) is float, name
            shown = value * 100 if value is not None and name == "utilisation" else value
            assert shown is None or any(abs(shown - number) < 1e-9 for number in numbers), (name, value)
        for name in ("memory_used_bytes", "memory_total_bytes"):
            value = getattr(state, name)
            assert value is None or type(value) is int, name
            assert value is None or value in numbers or value / MIB in numbers, (name, value)
        assert state.utilisation is None or 0 <= state.utilisation <= 1
        for key, value in part.details.items():
            assert type(value) in (int, float, str), key
            if key.endswith("_bytes"):
                assert value in numbers or value / MIB in numbers, (key, value)
            elif type(value) in (int, float):
                assert str(value).removesuffix(".0") in text or value in numbers, (key, value)
            elif key != "pci_address" and key != "pci_id" and key != "soc":
                assert value in text, (key, value)
    if tool.follow_up:
        assert len(tool.follow_up(answers)) <= 64


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_to_a_real_output_makes_no_parser_raise_or_invent(name, data, recorded):
    text = data.draw(damaged(recorded(name)))
    for tool in TOOLS:
        if reads(tool, name):
            check(tool, text)


@pytest.mark.parametrize("name", ALL)
def test_no_part_of_what_is_no_number_is_taken_for_one(name, recorded):
    text = recorded(name)
    for found in re.finditer(r"\d+(?:\.\d+)?", text):
        for odd in ("88.2.5", "-5", "1,234", "1e5", "٣٣", "9" * 30):
            for tool in TOOLS:
                if reads(tool, name) and tool.name != "xpu_smi":
                    check(tool, text[: found.start()] + odd + text[found.end() :])


@pytest.mark.parametrize("name", ALL)
def test_every_beginning_of_a_real_output_is_read_without_invention(name, recorded):
    text = recorded(name)
    for tool in TOOLS:
        if reads(tool, name):
            for end in range(0, len(text), 7):
                check(tool, text[:end])


@settings(max_examples=60, deadline=None)
@given(first=st.sampled_from(ALL), second=st.sampled_from(ALL), at=st.integers(0, 3000), data=st.data())
def test_two_outputs_in_one_stream_are_read_without_invention(first, second, at, data):
    texts = [(RECORDED / name).read_text().partition("\n")[2] for name in (first, second)]
    text = texts[0][: at % (len(texts[0]) + 1)] + texts[1] + texts[0][at % (len(texts[0]) + 1) :]
    for tool in TOOLS:
        check(tool, text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="utf-8") | st.sampled_from(string.printable), max_size=400))
def test_no_text_at_all_makes_a_parser_raise_or_invent(text):
    for tool in TOOLS:
        check(tool, text)
