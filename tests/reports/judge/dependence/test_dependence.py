"""Losses, devices to match and decompositions: worked by hand, and laws that hold for any numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.chips import load_chips
from profiler.records.quantity import Quantity
from reports.document.language import ENGLISH
from reports.document.notation import percent_below_all
from reports.document.sections.dependence import gap_sentence, loss_sentences, share_text
from reports.judge.comparison.comparison import compare
from reports.judge.dependence import Candidate, dependence, devices_to_match, difference, energy_loss, throughput_loss
from reports.judge.dependence.decompose import Factors
from reports.judge.dependence.loss import why_not
from tests.reports.bundles import bundle, ceilings, cuda_target, h200_bundle, h200_host, kunpeng_bundle, target

FAST = Candidate("gpu", "gpu", True, (100.0,) * 7)
SLOW = Candidate("cpu", "cpu", False, (20.0,) * 7)
OPEN = Candidate("vm", "vm", None, (50.0,) * 7)


def joules(value, low=None, high=None, grade="measured"):
    return Quantity(value, "J/tok", grade, "meter", 7, (low, high) if low else None)


def study_of(*bundles, **how):
    comparison = compare(bundles, **how)
    return dependence(comparison.groups[0], comparison)


def test_throughput_dependence_by_hand():
    loss = throughput_loss([FAST, SLOW])
    assert loss.value == pytest.approx(1 - 20 / 100)
    assert loss.worlds[0].ci95 == pytest.approx((0.8, 0.8))
    assert (loss.worlds[0].best, loss.worlds[0].best_unrestricted) == ("gpu", "cpu")


def test_nothing_is_lost_where_the_fastest_is_unrestricted():
    loss = throughput_loss([replace(FAST, restricted=False), replace(SLOW, restricted=True)])
    assert loss.value == 0 and loss.bounds == (0, 0)


def test_an_open_label_gives_a_range_and_both_worlds():
    loss = throughput_loss([FAST, SLOW, OPEN])
    assert loss.value is None
    assert loss.bounds == pytest.approx((0.5, 0.8))
    assert [world.best_unrestricted for world in loss.worlds] == ["vm", "cpu"]


def test_where_no_unrestricted_target_may_be_left_the_range_ends_at_one():
    loss = throughput_loss([FAST, OPEN])
    assert loss.bounds == (0.5, 1.0)
    assert loss.worlds[1].value is None and loss.worlds[1].best_unrestricted is None


def test_an_open_label_that_cannot_matter_is_still_a_range_of_one_width():
    slower = replace(OPEN, rates_tok_per_s=(10.0,) * 7)
    loss = throughput_loss([FAST, SLOW, slower])
    assert loss.bounds == pytest.approx((0.8, 0.8))
    assert len(loss.worlds) == 2


@pytest.mark.parametrize(("candidates", "reason"), [
    ([], "no_target"),
    ([FAST], "one_target"),
    ([OPEN, replace(OPEN, label="vm2")], "same_open"),
    ([SLOW, replace(SLOW, label="cpu2")], "same_unrestricted"),
    ([FAST, replace(FAST, label="gpu2")], "same_restricted"),
    ([SLOW, replace(SLOW, label="other", processor="other")], "all_unrestricted"),
    ([FAST, replace(FAST, label="other", processor="other")], "all_restricted"),
    ([OPEN, replace(OPEN, label="other", processor="other")], "all_open"),
    ([FAST, SLOW], ""),
    ([FAST, OPEN], ""),
    ([SLOW, OPEN], ""),
])  # fmt: skip
def test_nothing_is_said_that_the_targets_do_not_carry(candidates, reason):
    assert why_not(candidates) == reason
    loss = throughput_loss(candidates)
    assert loss.reason == reason and bool(loss.worlds) == (not reason)


def test_energy_dependence_by_hand():
    gpu = replace(FAST, energy=joules(0.5, 0.4, 0.6))
    cpu = replace(SLOW, energy=joules(4.0, 3.5, 5.0))
    loss = energy_loss([gpu, cpu])
    assert loss.value == pytest.approx(1 - 0.5 / 4.0)
    assert loss.worlds[0].ci95 == pytest.approx((1 - 0.6 / 3.5, 1 - 0.4 / 5.0))
    assert energy_loss([gpu, replace(cpu, energy=joules(4.0, grade="modelled"))]).grade == "modelled"


def test_energy_that_only_one_side_has_is_no_dependence():
    gpu = replace(FAST, energy=joules(0.5))
    assert energy_loss([gpu, SLOW]).reason == "energy_one_target"
    assert energy_loss([FAST, SLOW]).reason == "no_energy"


rates = st.floats(min_value=0.01, max_value=1e6)
candidates = st.lists(st.tuples(rates, st.sampled_from([True, False, None])), min_size=2, max_size=6).map(
    lambda found: [Candidate(str(at), str(at), verdict, (rate,) * 2) for at, (rate, verdict) in enumerate(found)]
)


@given(candidates)
def test_a_dependence_is_a_share_and_every_mixture_of_worlds_lies_within_its_range(found):
    loss = throughput_loss(found)
    if loss.reason:
        return
    low, high = loss.bounds
    assert 0 <= low <= high <= 1
    for verdicts in [(True, False), (False, True)]:
        settled = [
            replace(one, restricted=verdicts[at % 2]) if one.restricted is None else one for at, one in enumerate(found)
        ]
        mixture = throughput_loss(settled)
        if not mixture.reason:
            assert low - 1e-12 <= mixture.value <= high + 1e-12


@given(candidates)
def test_restricting_a_target_never_lowers_the_loss(found):
    before = throughput_loss(found)
    for at, one in enumerate(found):
        if one.restricted is False:
            after = throughput_loss([replace(x, restricted=True) if y == at else x for y, x in enumerate(found)])
            if not before.reason and not after.reason:
                assert after.bounds[1] >= before.bounds[1] - 1e-12


def test_devices_to_match_by_hand():
    chips = {"cpu": load_chips().get("huawei-kunpeng-920-6426"), "gpu": load_chips().get("nvidia-h200-sxm")}
    match = devices_to_match(FAST, SLOW, chips)
    assert (match.ratio, match.devices) == (5.0, 5)
    assert match.power.value == 5 * 180 and match.power.grade == "declared"
    assert match.matched_power.value == 700 and match.matched_memory.value == 141
    assert match.memory.value is None and match.memory.grade == "unavailable"
    assert devices_to_match(replace(FAST, rates_tok_per_s=(101.0,)), SLOW, chips).devices == 6


logs = st.floats(min_value=-30, max_value=30)


def made(label, silicon, precision, software, grade="derived"):
    speed = math.exp(silicon + (precision or 0.0) + software)
    return Factors(label, "decode", "measured", "bandwidth", speed, silicon, precision, software, "float32", grade,
                   "derived", "derived", "how")  # fmt: skip


@given(*[logs] * 6, st.booleans(), st.booleans())
def test_the_terms_of_a_gap_add_up_to_it(a1, a2, a3, b1, b2, b3, a_split, b_split):
    a = made("a", a1, a2 if a_split else None, a3)
    b = made("b", b1, b2 if b_split else None, b3)
    gap = difference(a, b)
    assert math.fsum(term.log_ratio for term in gap.terms) == pytest.approx(gap.log_ratio, abs=1e-12 * 90)
    assert len(gap.terms) == (3 if a_split and b_split else 2)
    back = difference(b, a)
    assert [term.log_ratio for term in back.terms] == [-term.log_ratio for term in gap.terms]


@given(st.floats(0.001, 10), st.floats(0.0005, 1), st.floats(0.01, 5), st.floats(0.001, 1), st.floats(1e9, 1e13),
       st.floats(1e10, 1e15), st.floats(1e9, 1e12), st.floats(1e10, 1e14))  # fmt: skip
def test_any_two_records_are_taken_apart_exactly(ttft_a, tpot_a, ttft_b, tpot_b, read_a, gemm_a, read_b, gemm_b):
    gpu = ceilings(read_a, {"bfloat16": gemm_a}, "cuda:0")
    cpu = ceilings(read_b, {"float32": gemm_b})
    slow = target("torch-cpu", "float32", ttft_b, tpot_b, count=2, under=cpu)
    one = h200_bundle(targets=(cuda_target(ttft_s=ttft_a, tpot_s=tpot_a, under=gpu, count=2), slow),
                      limits={"cuda:0": gpu, "cpu": cpu})  # fmt: skip
    study = study_of(one)
    for phase in study.phases:
        gap = phase.gap
        if any(place.measured.above for (_, name), place in study.positions.items() if name == phase.phase):
            assert gap is None or gap.basis == "declared", "a ceiling that is too low carries no gap"
            continue
        assert gap is not None
        assert math.fsum(term.log_ratio for term in gap.terms) == pytest.approx(gap.log_ratio, abs=1e-9)
        assert gap.log_ratio >= 0


def test_a_gap_by_hand():
    # Decode reads the weights once per token, so bandwidth binds: silicon = ratio of bandwidths at float32,
    # precision = bytes at float32 over bytes at bfloat16, software = ratio of MBUs.
    study = study_of(h200_bundle(), kunpeng_bundle())
    gap = study.decode.gap
    terms = {term.name: term for term in gap.terms}
    place = {row.record.backend: study.positions[row.place, "decode"] for row in study.rows}
    assert terms["silicon"].factor == pytest.approx(4.1e12 / 9.4e10, rel=0.02)
    assert terms["precision"].factor == pytest.approx(2.0, rel=1e-6)
    expected = place["cuda"].measured.mbu.value / place["torch-cpu"].measured.mbu.value
    assert terms["software"].factor == pytest.approx(expected, rel=1e-12)
    assert {term.grade for term in gap.terms} == {"derived"}


def test_a_peak_that_was_not_measured_is_modelled_and_says_how():
    study = study_of(h200_bundle(), kunpeng_bundle())
    prefill = next(one for one in study.phases if one.phase == "prefill")
    silicon = next(term for term in prefill.gap.terms if term.name == "silicon")
    assert silicon.grade == "modelled"
    assert "declared ratio of float32 to bfloat16" in silicon.method
    taken = next(one for one in prefill.factors if one.label.startswith("cuda"))
    work = study.positions[study.rows[0].place, "prefill"].work
    assert math.exp(taken.silicon) == pytest.approx(128 / (work.total_flops / (6.6e14 * 66.9 / 989.4)), rel=0.02)


def test_without_a_ratio_silicon_and_precision_stay_one_term():
    host = replace(h200_host(), components=tuple(
        replace(part, details={**part.details, "chip": {"status": "unknown"}}) for part in h200_host().components
    ))  # fmt: skip
    study = study_of(h200_bundle(on=host), kunpeng_bundle())
    names = [term.name for term in study.decode.gap.terms]
    assert names == ["silicon_and_precision", "software"]


def test_measured_and_declared_ceilings_are_never_mixed():
    study = study_of(h200_bundle(), kunpeng_bundle(with_ceilings=False))
    assert study.decode.basis == "declared"
    assert {term.grade for term in study.decode.gap.terms} == {"declared"}
    silicon = next(term for term in study.decode.gap.terms if term.name == "silicon")
    kunpeng = load_chips().get("huawei-kunpeng-920-6426")
    assert silicon.factor == pytest.approx(4800 / kunpeng.memory_bandwidth_gb_s)


def test_the_date_decides_whether_anything_depends():
    restricted = study_of(h200_bundle(), kunpeng_bundle(), as_of=date(2026, 11, 1))
    assert restricted.decode.loss.value > 0.9
    assert "D_T" in " ".join(loss_sentences(restricted, ENGLISH))
    before = study_of(h200_bundle(), kunpeng_bundle(), as_of=date(2022, 10, 2))
    assert before.reason == "all_unrestricted"
    assert "add a restricted one" in loss_sentences(before, ENGLISH)[0]


def test_failed_parity_takes_no_part():
    study = study_of(h200_bundle(targets=(cuda_target(passed=False),)), kunpeng_bundle())
    assert study.reason == "one_target"
    assert [row.record.status for row in study.infeasible] == ["not_comparable"]
    said = loss_sentences(study, ENGLISH)
    assert said == ["No dependence can be computed: there is only one comparable target."]


def test_two_engines_on_one_open_processor_invent_no_dependence():
    study = study_of(bundle())
    assert study.reason == "same_open"
    assert "software efficiency 1.98×" in gap_sentence(study.decode.gap, study, ENGLISH)
    assert "the same device" not in gap_sentence(study.decode.gap, study, ENGLISH)


def test_different_work_is_never_one_study():
    comparison = compare([h200_bundle(), kunpeng_bundle(workload_digest="0" * 64)])
    assert [dependence(group, comparison).reason for group in comparison.groups] == ["one_target", "one_target"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1, "1"), (0.5, "0.500"), (0.99996, "0.99996"), (0.9999999, "0.9999999")]
)
def test_a_loss_is_never_rounded_up_to_everything(value, text):
    assert share_text(value) == text
    assert value == 1 or not percent_below_all(value).startswith("100")
