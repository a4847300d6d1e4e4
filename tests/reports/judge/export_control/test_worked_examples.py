"""Every worked example: the label of each rule, TPP within 0.1 %, and PD; and the figures of the whole catalogue."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from profiler.chips import load_chips
from reports.judge.export_control import Numbers, classify

HERE = Path(__file__).parent
EXAMPLES = yaml.safe_load((HERE / "worked_examples.yaml").read_text())["worked_examples"]
FIGURES = yaml.safe_load((HERE / "catalogue_figures.yaml").read_text())

NAMED = {"Huawei Ascend 910B": "huawei-ascend-910b3"}
ON = {
    "US-2022-10": date(2023, 6, 1),
    "US-2023-10": date(2024, 6, 1),
    "US-2026-01": date(2026, 2, 1),
    "US-232-2026-01": date(2026, 2, 1),
    "US-2025-04-LETTERS": date(2025, 6, 1),
    "US-2025-05-GP10": date(2025, 6, 1),
    "nac_eligible": date(2024, 6, 1),
}


def numbers_of(example):
    return Numbers(
        tops=tuple(example["tops_by_precision"].items()),
        tpp=None if example["tops_by_precision"] else example["tpp"],
        die_area_mm2=example.get("die_area_mm2"),
        datacenter=example["dc"],
        dram_bandwidth_gb_s=example.get("dram_bandwidth_gb_s"),
        io_bandwidth_gb_s=example.get("io_bandwidth_gb_s"),
    )


def said(rule, found):
    if rule == "nac_eligible":
        return next(f.label for f in found.licence_exceptions if f.rule == "NAC") == "eligible"
    if rule == "US-232-2026-01":
        return found.tariffs[0].label == "in_band"
    finding = next(f for f in found.findings if f.rule == rule)
    return finding.label


@pytest.mark.parametrize(
    ("example", "rule", "expected"),
    [
        pytest.param(example, rule, expected, id=f"{example['chip']}-{rule}")
        for example in EXAMPLES
        for rule, expected in example["expected"].items()
    ],
)
def test_label(example, rule, expected):
    item = load_chips().get(NAMED[example["chip"]]) if expected == "named" else numbers_of(example)
    found = classify(item, ON[rule], "CN")
    assert said(rule, found) == expected
    if expected == "indeterminate":
        assert list(found.eccn.possible_labels) == example["expected_possible_labels"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["chip"])
def test_figures(example):
    found = classify(numbers_of(example), date(2024, 6, 1), "CN")
    assert float(found.tpp) == pytest.approx(example["tpp"], rel=1e-3)
    for published in ("tpp_published", "tpp"):
        assert float(found.tpp) == pytest.approx(example.get(published, example["tpp"]), rel=1e-3)
    if example.get("pd") is None:
        assert found.performance_density is None
    else:
        assert float(found.performance_density) == pytest.approx(example["pd"], abs=0.0051)


@pytest.mark.parametrize("chip_id", FIGURES)
def test_catalogue_figures(chip_id):
    """The catalogue still gives the TPP, range and PD it was compiled with, TF32 of unsettled width aside."""
    tpp, bounds, density = FIGURES[chip_id]
    found = classify(load_chips().get(chip_id), date(2024, 6, 1), "CN")
    if chip_id in ("enflame-t20", "enflame-t21"):
        assert found.tpp is None
        assert found.tpp_bounds.low >= tpp
        return
    assert (found.tpp is None) == (tpp is None)
    if tpp is not None:
        assert float(found.tpp) == pytest.approx(tpp, rel=2e-4, abs=0.051)
    if density is not None:
        assert float(found.performance_density) == pytest.approx(density, abs=0.0051)
    if bounds:
        for seen, wanted in zip((found.tpp_bounds.low, found.tpp_bounds.high), bounds, strict=True):
            assert (
                seen is None if wanted is None and seen is None else float(seen) == pytest.approx(wanted or 0, rel=2e-3)
            )
    elif tpp is not None:
        assert float(found.tpp_bounds.high) == pytest.approx(tpp, rel=2e-3, abs=0.051)


def test_every_example_is_there():
    assert len(EXAMPLES) == 20
    assert len(FIGURES) == 131
