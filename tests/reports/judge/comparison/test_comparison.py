"""What may stand in one table, and what may be concluded from it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from backends.common.errors import InputError
from profiler.statistics.intervals import MIN_FOR_INTERVAL
from reports.document.language import ENGLISH
from reports.document.model import Items
from reports.document.sections.difference import difference
from reports.document.sections.summary import speed_title, summary
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.ratio import ratio_of_medians
from tests.reports import shown
from tests.reports.bundles import bundle, digest_of, host, target


def words(made):
    comparison = compare(made)
    return " ".join(summary(comparison.groups[0], comparison, ENGLISH))


def test_targets_of_one_run_are_one_group():
    comparison = compare([bundle()])
    assert len(comparison.groups) == 1
    assert len(comparison.groups) == 1
    assert [row.label for row in comparison.rows][:2] == ["torch-cpu@float32", "onnx-cpu@float32"]


def test_machines_merge_into_one_group_with_labels_that_tell_them_apart():
    other = bundle("/runs/b", on=host("Kunpeng 920", "Huawei", "CN"), targets=(target("torch-cpu", "float32", 1, 0.1),))
    comparison = compare([bundle(), other])
    assert len(comparison.groups) == 1
    labels = [row.label for row in comparison.rows]
    assert len(set(labels)) == len(labels)
    assert "torch-cpu@float32 · Kunpeng 920" in labels
    assert {row.chip.designer_country for row in comparison.rows} == {"US", "CN"}


def test_two_machines_with_one_chip_keep_their_own_names():
    twin = replace(host(), fingerprint=digest_of("twin"))
    names = compare([bundle(), bundle("/runs/b", on=twin)]).machines
    assert len(set(names.values())) == 2


def test_two_runs_on_one_machine_are_told_apart_by_their_folder():
    again = replace(
        bundle("/runs/again"), targets=bundle(targets=(target("torch-cpu", "float32", 1, 0.1, seed=9),)).targets
    )
    labels = [row.label for row in compare([bundle(), again]).rows]
    assert "torch-cpu@float32 · main" in labels
    assert "torch-cpu@float32 · again" in labels


@pytest.mark.parametrize(
    ("changed", "says", "silent"),
    [
        ({"workload_digest": digest_of("w2"), "output_tokens": 32}, "output tokens 64 against 32", "model ("),
        ({"model_digest": digest_of("m2"), "model_name": "qwen3-4b"}, "qwen3-0.6b against qwen3-4b", "workload ("),
        ({"workload_digest": digest_of("w3")}, "same name and sizes, other token ids", "model ("),
        ({"model_digest": digest_of("m3")}, "both named qwen3-0.6b", "workload ("),
    ],
)
def test_other_digests_are_refused_a_place_in_the_group(changed, says, silent):
    comparison = compare([bundle(), bundle("/runs/b", **changed)])
    assert len(comparison.groups) == 2
    sentence = difference(*comparison.groups, ENGLISH)
    assert says in sentence
    assert silent not in sentence
    assert sentence.endswith("differs.")
    for group in comparison.groups:
        assert {row.record.workload_digest for row in group.rows} == {group.workload.digest}
        assert {row.record.model_digest for row in group.rows} == {group.model.digest}


def test_a_record_that_contradicts_its_bundle_is_refused():
    made = bundle()
    bad = replace(made, targets=(replace(made.targets[0], workload_digest=digest_of("other")), *made.targets[1:]))
    with pytest.raises(InputError, match="another model or workload digest"):
        compare([bad])


def test_one_run_given_twice_is_refused():
    with pytest.raises(InputError, match="same run"):
        compare([bundle(), bundle("/copy/of/it")])


def test_no_bundle_is_refused():
    with pytest.raises(InputError, match="no run bundle"):
        compare([])


def test_a_target_that_failed_parity_takes_no_part_in_conclusions():
    group = compare([bundle()]).groups[0]
    apart = next(row for row in group.rows if row.record.status == "not_comparable")
    assert apart.metric("decode_throughput").value > 2 * group.fastest.metric("decode_throughput").value
    assert group.fastest.label == "onnx-cpu@float32"
    assert apart not in group.conclusive
    assert group.relative_speed(apart) is None
    assert group.lead(apart) is None
    said = words([bundle()])
    assert "onnx-cpu@int4 did not pass" in said
    assert "onnx-cpu@int4 decoded" not in said
    assert "int4" not in speed_title(group, "decode", ENGLISH) + speed_title(group, "prefill", ENGLISH)


def test_only_uncomparable_targets_give_no_winner():
    only = (target("onnx-cpu", "int4", 1, 0.02, passed=False),)
    group = compare([bundle(targets=only)]).groups[0]
    assert group.fastest is None
    assert "can be compared" in words([bundle(targets=only)])


def test_unfinished_targets_are_named():
    comparison = compare([bundle(unfinished=("openvino@int8",))])
    assert comparison.groups[0].unfinished == (("AMD EPYC 7B13", "openvino@int8"),)
    assert "interrupted before openvino@int8 finished" in words([bundle(unfinished=("openvino@int8",))])


def test_the_ratio_interval_covers_the_truth_as_often_as_it_says():
    rng = random.Random(3)
    covered = 0
    for _ in range(150):
        ratio = ratio_of_medians([rng.gauss(15, 0.3) for _ in range(15)], [rng.gauss(10, 0.2) for _ in range(15)])
        assert ratio.ci95[0] <= ratio.value <= ratio.ci95[1]
        covered += ratio.ci95[0] <= 1.5 <= ratio.ci95[1]
    assert covered / 150 >= 0.9


def test_the_ratio_is_reproducible():
    samples = [10.0, 10.2, 9.9, 10.1, 10.4, 10.0]
    assert ratio_of_medians(samples, samples[::-1]) == ratio_of_medians(samples, samples[::-1])


def test_overlapping_speeds_are_not_called_a_difference():
    same = (target("torch-cpu", "float32", 1, 0.1, seed=1), target("onnx-cpu", "float32", 1, 0.1, seed=2))
    said = words([bundle(targets=same)])
    assert "does not differ measurably" in said
    assert "decoded fastest" not in said


@pytest.mark.parametrize("count", [1, MIN_FOR_INTERVAL - 1])
def test_too_few_repetitions_give_no_interval_and_say_so(count):
    few = (
        target("torch-cpu", "float32", 1.4, 0.18, seed=1, count=count),
        target("onnx-cpu", "float32", 1.1, 0.09, seed=2, count=7),
    )
    group = compare([bundle(targets=few)]).groups[0]
    ratio = group.lead(group.conclusive[1])
    assert ratio.ci95 is None
    assert f"at least {MIN_FOR_INTERVAL}" in ratio.method
    said = words([bundle(targets=few)])
    assert "too few repetitions for an interval" in said
    assert "decoded fastest" not in said
    assert "noise may explain" in speed_title(group, "decode", ENGLISH)


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_a_ratio_without_samples_is_an_error(above, below):
    with pytest.raises(ValueError, match="samples on both sides"):
        ratio_of_medians(above, below)


def test_warm_ups_do_not_enter_the_ratio():
    group = compare([bundle()]).groups[0]
    assert group.lead(group.conclusive[1]).samples == (7, 7)


def test_the_ceiling_is_throughput_over_utilisation():
    row = compare([bundle()]).groups[0].fastest
    ceiling = row.ceiling_tok_per_s("decode_throughput", "mbu")
    assert ceiling * row.metric("mbu").value == pytest.approx(row.metric("decode_throughput").value)
    assert row.ceiling_tok_per_s("decode_throughput", "energy_per_output_token") is None


def test_a_metric_that_nobody_has_shares_the_column_of_the_same_reason():
    comparison = compare([bundle()])
    titles = [column.title for column in shown.table(comparison).columns]
    assert "Energy" in titles
    assert "Net energy" not in titles
    (notes,) = [one for one in shown.blocks(shown.section(comparison, "comparison")) if isinstance(one, Items)]
    assert notes.lines == (
        "Energy and Net energy: no meter: this KVM guest has no RAPL (/sys/class/powercap is empty)",
    )


def test_colours_are_not_spent_on_rows_that_are_not_drawn():
    comparison = compare(
        [bundle(), bundle("/b", on=host("Kunpeng 920"), targets=(target("torch-cpu", "float32", 1, 0.1),))]
    )
    assert sorted(row.place for row in comparison.rows if row.conclusive) == [0, 1, 2]
    assert len({row.place for row in comparison.rows}) == len(comparison.rows)
