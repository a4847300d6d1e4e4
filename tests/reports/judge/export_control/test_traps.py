"""Every known way to get these rules wrong, a test each."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from backends.common.errors import InputError
from profiler.chips import load_chips
from reports.judge.export_control import Numbers, classify
from reports.judge.export_control.destinations import groups_of
from reports.judge.export_control.rules import metrics, rules
from reports.judge.export_control.subject import bit_lengths

NOW = date(2026, 8, 1)
AC_S = date(2024, 6, 1)


def label(on=AC_S, destination="CN", **figures):
    return classify(Numbers(**figures), on, destination).eccn.label


def chip(name):
    return load_chips().find(name)


def letter(found, rule="US-2025-04-LETTERS"):
    return next((f.label for f in found.letters if f.rule == rule), None)


def test_sparse_figures_are_refused_and_dense_ones_taken_as_given():
    with pytest.raises(InputError, match="dense"):
        label(tops=(("fp4_sparse", 3352),))
    assert classify(Numbers(tops=(("fp4", 14000),)), AC_S, "CN").tpp == 56000
    assert "fp4" not in chip("H100 PCIe").peak_dense_tops


def test_a_multiply_accumulate_is_counted_once():
    assert classify(chip("NVIDIA GeForce RTX 4090"), AC_S, "CN").tpp == Fraction("660.6") * 8
    assert classify(Numbers(tops=(("int8", 600),)), AC_S, "CN").tpp == 4800
    assert classify(Numbers(tops=(("fp16", 300),)), AC_S, "CN").tpp == 4800


@pytest.mark.parametrize(
    ("tops", "tpp"),
    [
        ({"fp8": 100, "fp6": 200, "fp4": 200}, 1200),
        ({"fp64_matrix": "95.7", "fp16": 383}, 6128),
        ({"fp64_matrix": "95.8", "fp16": 383}, Fraction("95.8") * 64),
        ({"bf16": 1835, "fp8": 1835}, 29360),
        ({"fp16": 312, "int8": 624, "int4": 1248}, 4992),
    ],
)
def test_the_largest_product_over_every_width_counts_and_ties_do_not_add(tops, tpp):
    assert classify(Numbers(tops=tuple(tops.items())), AC_S, "CN").tpp == tpp


def test_tf32_of_unsettled_width_stays_an_interval():
    found = classify(Numbers(tops=(("tf32", 100),), datacenter=True, die_area_mm2=100), AC_S, "CN")
    assert found.tpp is None
    assert (found.tpp_bounds.low, found.tpp_bounds.high) == (1900, 3200)
    assert classify(chip("nvidia-a100-sxm-80gb"), AC_S, "CN").tpp == 4992


def test_four_bit_formats_count_with_four_bits():
    assert {bit_lengths()[name].high for name in ("fp4", "int4", "mxfp4", "nvfp4")} == {4}


def test_accumulators_do_not_count():
    """FP8 with FP16 or FP32 accumulation is 8 bits wide; GeForce's faster rate is the peak."""
    assert bit_lengths()["fp8"].high == 8
    assert chip("RTX 4090").peak_dense_tops["fp8"] == 660.6


def test_mixed_inputs_count_with_the_larger():
    assert bit_lengths()["w4a8"].high == 8
    assert bit_lengths()["w4a16"].high == 16


@pytest.mark.parametrize(
    ("name", "at_least"), [("NVIDIA B200", 36000), ("MI300X", 20919), ("910C", 12032), ("gaudi 3", 26848)]
)
def test_figures_are_per_package(name, at_least):
    assert classify(chip(name), NOW, "CN").tpp_bounds.low >= at_least


def test_packages_of_cpu_and_gpu_say_which_convention_was_used():
    assert "GPU part" in chip("GH200").name
    assert "per Blackwell GPU" in chip("GB200").name


def test_the_die_area_counts_finfet_io_dies():
    """MI300X: compute chiplets alone 1017 mm2 at most inflate PD, all FinFET dies are 2400: both stay possible."""
    bounds = classify(chip("MI300X"), AC_S, "CN").performance_density_bounds
    assert bounds.low == Fraction("20919.2") / 2400
    assert bounds.high == Fraction("20919.2") / 1017
    assert "memory stacks, planar dies and passive interposers excluded" in metrics()["pd"].definition


def test_nothing_is_rounded_before_it_is_compared():
    just_below = Numbers(tpp="4799.9999999999999999999", datacenter=True, die_area_mm2="4799.9999999999999999999")
    assert classify(just_below, AC_S, "CN").eccn.label == "not_3A090"
    assert label(tpp="4800", datacenter=True) == "3A090.a"
    assert label(tpp=1000 + Fraction(1, 3), die_area_mm2=100, datacenter=True) == "not_3A090"
    assert label(tpp="2000", die_area_mm2="625.0000000000000001", datacenter=True) == "not_3A090"
    assert label(tpp="2000", die_area_mm2="625", datacenter=True) == "3A090.b"
    assert classify(chip("NVIDIA A30"), AC_S, "CN").eccn.label == "3A090.b"
    assert classify(chip("L20"), AC_S, "CN").eccn.label == "not_3A090"


def test_an_unknown_density_is_indeterminate_not_uncontrolled():
    for tpp in (1600, 2400, 4799):
        found = classify(Numbers(tpp=tpp, datacenter=True), AC_S, "CN")
        assert found.eccn.label == "indeterminate"
        assert found.eccn.possible_labels == ("3A090.a", "3A090.b", "not_3A090")
        assert found.restricted is None
    assert label(tpp=1599, datacenter=True) == "not_3A090"


def test_note_2_exempts_only_below_4800_and_only_what_is_not_for_datacenters():
    assert classify(chip("RTX 4090"), AC_S, "CN").eccn.label == "3A090.a"
    assert classify(chip("RTX 5090"), AC_S, "CN").eccn.label == "3A090.a"
    for name in ("RTX 4090 D", "RTX 5090 D"):
        found = classify(chip(name), AC_S, "CN")
        assert (found.eccn.label, found.datacenter_exemption.label) == ("exempt_note_2", "exempt")
    same = {"tops": (("fp8", "588.3"),), "die_area_mm2": 609}
    assert label(**same, datacenter=False) == "exempt_note_2"
    assert label(**same, datacenter=True) == "3A090.a"


@pytest.mark.parametrize("name", ["nvidia-a800-sxm-80gb", "nvidia-h800-sxm"])
def test_a_label_belongs_to_a_date(name):
    labels = {on: classify(chip(name), on, "CN").eccn.label for on in (date(2022, 10, 21), date(2023, 11, 16))}
    assert set(labels.values()) == {"not_3A090"}
    assert classify(chip(name), date(2023, 11, 17), "CN").eccn.label == "3A090.a"


def test_the_review_policy_of_2026_changes_no_label():
    before, after = (classify(chip("NVIDIA H200"), date(2026, 1, day), "CN") for day in (14, 15))
    assert before.eccn == after.eccn
    assert before.review_policy is None
    assert after.review_policy.label == "case_by_case_eligible"
    assert before.licence.reviews == after.licence.reviews == ("presumption_of_denial",)
    assert classify(chip("NVIDIA B200"), NOW, "CN").review_policy.label == "presumption_of_denial"
    assert classify(chip("NVIDIA H200"), NOW, "IR").review_policy is None


def test_below_3a090_is_not_said_to_be_free():
    found = classify(chip("L20"), AC_S, "CN")
    assert found.lower_tier.label == "3A991.p"
    assert any(part.id == "below-3A090" for part in found.circumstances)


def test_the_diffusion_rule_is_neither_applied_nor_deleted():
    found = classify(chip("H100 PCIe"), date(2025, 6, 1), "DE")
    assert found.licence.label == "none_under_3A090"
    assert found.licence_if_recipient_hq_in_d5.label == "required"
    assert any(part.id == "diffusion" for part in found.circumstances)


def test_the_uae_still_needs_a_licence_in_a5():
    before, after = (classify(chip("NVIDIA H200"), date(2026, 7, day), "AE") for day in (9, 10))
    assert (before.licence.label, before.licence.reviews) == ("required", ("presumption_of_approval",))
    assert (after.licence.label, after.licence.reviews) == ("required", ("case_by_case",))
    assert groups_of("AE", date(2026, 7, 9)) == {"D4"}
    assert groups_of("AE", date(2026, 7, 10)) == {"A5"}


def test_china_hong_kong_and_macau():
    h100 = chip("H100 PCIe")
    assert "D5" not in groups_of("MO", NOW)
    assert groups_of("HK", NOW) == groups_of("CN", NOW)
    for destination in ("CN", "HK", "MO"):
        assert classify(h100, AC_S, destination).licence.label == "required"
        assert letter(classify(chip("H20"), NOW, destination)) == "letter_licence_required"
    assert classify(h100, AC_S, "TW").licence.label == "none_under_3A090"
    assert classify(h100, date(2023, 1, 16), "MO").licence.label == "none_under_3A090"
    assert classify(h100, date(2023, 1, 17), "MO").licence.label == "required"
    assert classify(h100, date(2023, 1, 16), "HK").licence.label == "required"


def test_letter_thresholds_are_shown_as_reported():
    finding = next(f for f in classify(chip("H20"), NOW, "CN").letters if f.rule == "US-2025-04-LETTERS")
    assert any("second-hand" in note for note in finding.notes)
    assert finding.confidence == "medium"
    assert letter(classify(chip("H20"), date(2025, 4, 8), "CN")) is None


def test_there_is_no_test_of_70_teraflops():
    for rule in rules():
        assert all(leaf.value != 70 for leaf in rule.leaves())
    assert classify(chip("RTX 4090 D"), date(2024, 4, 4), "CN").eccn.label == "exempt_note_2"


def test_chinese_chips_are_a_risk_for_any_user():
    for destination in ("CN", "DE", "US"):
        assert classify(chip("910B3"), date(2025, 5, 13), destination).gp10.label == "named"
    assert classify(chip("910B3"), date(2025, 5, 12), "CN").gp10 is None
    assert classify(chip("BR100"), NOW, "CN").gp10.label == "gp10_risk"
    assert classify(chip("NVIDIA H200"), NOW, "CN").gp10.label == "none"


def test_the_entity_list_binds_from_its_date_and_no_record_is_unknown():
    day = date(2023, 10, 17)
    listed = [classify(chip("MTT S4000"), on, "CN").entity_list[0].listed for on in (day - timedelta(days=1), day)]
    assert listed == ["not_yet", "yes"]
    assert classify(chip("910B3"), NOW, "CN").entity_list[1].company == "SMIC"
    assert classify(chip("MetaX C500"), NOW, "CN").entity_list[0].listed == "no_listing_found"
    assert classify(chip("AX650N"), NOW, "CN").entity_list[0].listed == "unknown"
    rule = {on: classify(chip("H20"), on, "CN").affiliates_rule for on in (date(2025, 10, 1), NOW, date(2026, 11, 10))}
    assert list(rule.values()) == ["in_force", "suspended", "unknown"]


def test_figures_are_computed_not_copied():
    """MI300X is 20,919, not the 10,419 that some repositories print; GAIN AI is no law, NAC needs no 600 GB/s."""
    assert int(classify(chip("MI300X"), AC_S, "CN").tpp) == 20919
    nac = next(rule for rule in rules() if rule.id == "NAC")
    assert "bidir_transfer_rate_gb_s" not in {leaf.metric for leaf in nac.leaves()}
