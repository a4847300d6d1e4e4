"""Chips and precisions: which are known, which are refused, and why."""

import pytest

from backends.common.errors import UnavailableError
from backends.contract.registry import parse_target
from backends.vendors.sophgo import TpuMlir
from backends.vendors.sophgo.chips import CHIPS, REFUSED
from profiler.chips import load_chips


def test_its_targets_are_named_by_chip_and_default_to_float16():
    target = parse_target("tpu-mlir:bm1684x", None)
    assert (target.id, TpuMlir.chip(target.device)) == ("tpu-mlir:bm1684x@float16", "sophgo-bm1684x")
    assert TpuMlir.devices() == tuple(CHIPS)


def test_catalogue_ids_are_in_the_catalogue():
    known = load_chips()
    ids = [chip.catalogue_id for chip in CHIPS.values() if chip.catalogue_id]
    assert [known.get(one).id for one in ids] == ids and len(ids) == len(set(ids))
    for chip in CHIPS.values():
        assert chip.catalogue_id or known.match(chip.name).chip is None, f"{chip.name} is in the catalogue now"


def test_a_misspelt_chip_is_told_with_the_nearest():
    here = TpuMlir.probe("bm1684z")
    assert not here.available and "'bm1684x'" in here.reason and "bm1690" in here.reason
    assert "tpu-mlir:bm1684x" in here.remedy
    assert TpuMlir.probe("BM1684X") == TpuMlir.probe("bm1684x")


@pytest.mark.parametrize("chip", REFUSED)
def test_a_chip_that_does_not_work_is_refused_with_the_reason(chip):
    here = TpuMlir.probe(chip)
    assert not here.available and here.reason == REFUSED[chip]


def test_a_target_must_name_a_chip():
    assert "it names no chip: known are bm1684x, " in TpuMlir.refuses("", "float16")


@pytest.mark.parametrize(
    "device, precision, why",
    [
        ("cv184x", "float16", "makes bfloat16 of it without saying so"),
        ("cv184x", "int4", "use bfloat16"),
        ("bm1690e", "float32", "tpuc-opt aborts"),
        ("bm1684x", "float32", ""),
        ("cv184x", "bfloat16", ""),
    ],
)
def test_precisions_a_chip_lacks_are_refused(device, precision, why):
    refusal = TpuMlir.refuses(device, precision)
    assert why in refusal and bool(refusal) == bool(why)


def test_without_the_toolchain_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPASSAY_DATA", str(tmp_path))
    here = TpuMlir.probe("bm1684x")
    assert not here.available and here.remedy == "chipassay toolchain install tpu-mlir"
    with pytest.raises(UnavailableError, match="not installed; chipassay toolchain install tpu-mlir"):
        TpuMlir().examine(None, None, None)


def test_arithmetic_of_quantised_weights_is_float16():
    assert [TpuMlir.arithmetic(one) for one in ("int4", "int8", "bfloat16")] == ["float16", "float16", "bfloat16"]
