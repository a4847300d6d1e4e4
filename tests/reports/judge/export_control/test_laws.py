"""Laws that hold for every input: monotony, honesty about what is unknown, exact boundaries, intervals as unions."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.judge.export_control import Numbers, classify
from reports.judge.export_control.conditions import Leaf
from reports.judge.export_control.rules import rules
from reports.judge.export_control.subject import subject_of
from reports.judge.export_control.worlds import worlds

pytestmark = pytest.mark.slow

AC_S = date(2024, 6, 1)
LATE = date(2026, 8, 1)
STRICTNESS = {"not_3A090": 0, "exempt_note_2": 0, "3A090.b": 1, "3A090.a": 2}

numbers = st.fractions(min_value=Fraction(1, 10), max_value=9000, max_denominator=100)
lines = st.sampled_from([Fraction(line) for line in (1600, 2400, 4800)])
near_lines = st.builds(lambda line, step: line + Fraction(step, 1000), lines, st.integers(-2, 2))
performances = numbers | near_lines
densities = st.sampled_from([Fraction(text) for text in ("1.6", "3.2", "5.92")]).flatmap(
    lambda line: st.builds(lambda step: line + Fraction(step, 1000), st.integers(-2, 2))
) | st.fractions(min_value=Fraction(1, 10), max_value=12, max_denominator=100)
bandwidths = st.fractions(min_value=1, max_value=9000, max_denominator=10)


def oracle(tpp, density, datacenter):
    """The text of 2023, written down a second time."""
    if not datacenter and tpp < 4800:
        return "exempt_note_2"
    if tpp >= 4800 or (tpp >= 1600 and density >= Fraction("5.92")):
        return "3A090.a"
    if (tpp >= 2400 and density >= Fraction("1.6")) or (tpp >= 1600 and density >= Fraction("3.2")):
        return "3A090.b"
    return "not_3A090"


def label(on=AC_S, **figures):
    return classify(Numbers(**figures), on, "CN").eccn.label


@given(performances, densities, st.booleans())
@settings(deadline=None)
def test_every_point_agrees_with_the_text(tpp, density, datacenter):
    assert label(tpp=tpp, die_area_mm2=tpp / density, datacenter=datacenter) == oracle(tpp, density, datacenter)


@given(performances, performances, densities, st.booleans())
@settings(deadline=None)
def test_more_performance_never_loosens_a_label_at_fixed_density(one, other, density, datacenter):
    less, more = sorted((one, other))
    ranks = [STRICTNESS[label(tpp=tpp, die_area_mm2=tpp / density, datacenter=datacenter)] for tpp in (less, more)]
    assert ranks[0] <= ranks[1]


@given(
    performances, densities, st.booleans(), bandwidths, bandwidths,
    st.sets(st.sampled_from(["tpp", "die_area_mm2", "datacenter", "dram_bandwidth_gb_s", "io_bandwidth_gb_s"])),
    st.sampled_from([date(2023, 1, 1), AC_S, LATE]),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_an_unknown_input_never_yields_what_some_value_of_it_would_contradict(
    tpp, density, datacenter, dram, io, hidden, on
):
    figures = {
        "tpp": tpp,
        "die_area_mm2": tpp / density,
        "datacenter": datacenter,
        "dram_bandwidth_gb_s": dram,
        "io_bandwidth_gb_s": io,
    }
    full = classify(Numbers(**figures), on, "CN")
    partial = classify(Numbers(**{name: v for name, v in figures.items() if name not in hidden}), on, "CN")
    by_rule = {finding.rule: finding for finding in partial.findings}
    for finding in full.findings:
        assert set(finding.possible_labels) <= set(by_rule[finding.rule].possible_labels)
        if len(by_rule[finding.rule].possible_labels) > 1:
            assert by_rule[finding.rule].label == "indeterminate"


@given(performances, performances, densities, densities, st.booleans())
@settings(deadline=None, max_examples=150)
def test_an_interval_has_exactly_the_labels_of_its_points(one, other, dense_one, dense_other, datacenter):
    low, high = sorted((one, other))
    thin, thick = sorted((low / dense_one, low / dense_other))
    found = classify(Numbers(tpp=(low, high), die_area_mm2=(thin, thick), datacenter=datacenter), AC_S, "CN")
    tiny = Fraction(1, 10**9)
    cuts = [Fraction(line) for line in (1600, 2400, 4800)]
    cuts += [Fraction(d) * area for d in ("1.6", "3.2", "5.92") for area in (thin, thick)]
    cuts += [low, high, (low + high) / 2]
    tpps = sorted({min(max(cut + step, low), high) for cut in cuts for step in (-tiny, 0, tiny)})
    points = set()
    for tpp in tpps:
        areas = [tpp / Fraction(d) for d in ("1.6", "3.2", "5.92")] + [thin, thick, (thin + thick) / 2]
        for area in {min(max(area + step, thin), thick) for area in areas for step in (-tiny, 0, tiny)}:
            points.add(oracle(tpp, tpp / area, datacenter))
    assert set(found.eccn.possible_labels) == points


@given(bandwidths, bandwidths, bandwidths)
@settings(deadline=None)
def test_letters_see_the_sum_of_two_ranges(dram, io_one, io_other):
    low, high = sorted((io_one, io_other))
    found = classify(Numbers(tpp=1000, dram_bandwidth_gb_s=dram, io_bandwidth_gb_s=(low, high)), LATE, "CN")
    said = next(f for f in found.letters if f.rule == "US-2025-04-LETTERS").possible_labels
    met = {dram >= 1400 or io >= 1100 or dram + io >= 1700 for io in (low, high)}
    expected = {True: "letter_licence_required", False: "below_letter_lines"}
    assert set(said) == {expected[each] for each in met}


LEAVES = {
    (leaf.metric, leaf.op, leaf.value): leaf
    for rule in rules()
    for leaf in rule.leaves()
    if isinstance(leaf.value, Fraction)
}


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=lambda leaf: f"{leaf.metric}{leaf.op}{float(leaf.value)}")
def test_a_boundary_follows_its_own_inequality(leaf: Leaf):
    tiny = Fraction(1, 10**12)
    below, on, above = (leaf.holds({leaf.metric: leaf.value + step}) for step in (-tiny, 0, tiny))
    expected = {
        ">=": (False, True, True), ">": (False, False, True), "<": (True, False, False), "<=": (True, True, False)
    }  # fmt: skip
    assert (below, on, above) == expected[leaf.op]


def test_nothing_known_leaves_every_label_open():
    found = classify(Numbers(), AC_S, "CN")
    assert set(found.eccn.possible_labels) == {"exempt_note_2", "3A090.a", "3A090.b", "not_3A090"}
    assert found.tpp is None
    assert classify(Numbers(), date(2023, 1, 1), "CN").eccn.possible_labels == ("3A090", "not_3A090")


def test_stand_alone_hbm_has_its_own_strict_lines():
    def hbm(density, on=LATE):
        found = classify(Numbers(chip_role="hbm_stack", memory_bandwidth_density=density), on, "CN")
        return found.eccn.possible_labels, [f.label for f in found.licence_exceptions if f.rule == "HBM"]

    assert hbm(2) == (("not_3A090.c",), ["not_eligible"])
    assert hbm("2.0000001")[1] == ["eligible"]
    assert hbm("3.3")[1] == ["not_eligible"]
    assert set(hbm(None)[0]) == {"3A090.c", "not_3A090.c"}
    assert hbm(5, date(2024, 12, 1))[0] == ("not_3A090",)


def test_worlds_find_what_lies_between_the_ends():
    """A density band that only some performances inside the interval reach is looked at too."""
    subject = subject_of(Numbers(tpp=(1, 100), die_area_mm2=10))
    band = (Leaf("pd", ">=", Fraction(2)), Leaf("pd", "<", Fraction(21, 10)))
    assert any(all(leaf.holds(world) for leaf in band) for world in worlds(subject, {}, band))
    for world in worlds(subject, {}, band):
        assert world["pd"] == world["tpp"] / 10


def test_an_open_band_inside_an_interval_is_possible():
    found = classify(Numbers(chip_role="hbm_stack", memory_bandwidth_density=(2, "3.3")), LATE, "CN")
    exception = next(finding for finding in found.licence_exceptions if finding.rule == "HBM")
    assert exception.possible_labels == ("eligible", "not_eligible")
