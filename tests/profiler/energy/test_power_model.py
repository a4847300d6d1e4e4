"""Energy by a model: bounds from the catalogue, marked as what they are, and only where there is no meter."""

from dataclasses import replace

import pytest

from profiler.energy.power_model import LEAST_SHARE, NAME, power_model
from profiler.records.host import Component
from reports.document import notation

EPYC = Component("cpu", "AMD EPYC 7763", details={"sockets": 2, "chip": {"status": "exact", "id": "amd-epyc-7763"}})


def board(uuid, chip="nvidia-h100-sxm"):
    return Component("accelerator", "a board", details={"uuid": uuid, "chip": {"status": "exact", "id": chip}})


def test_the_bounds_are_a_tenth_and_all_of_the_design_power_of_every_package():
    found = power_model([EPYC], None, {})
    assert (found.name, found.scope, found.chip_ids) == (NAME, "2 packages", ("amd-epyc-7763",))
    assert (found.least_w, found.most_w) == (pytest.approx(2 * LEAST_SHARE * 280), 2 * 280)
    assert found.sources


def test_a_name_that_fits_several_chips_has_the_bounds_of_all():
    candidates = ["amd-epyc-7763", "amd-epyc-9654"]
    part = replace(EPYC, details={"sockets": 1, "chip": {"status": "ambiguous", "candidates": candidates}})
    found = power_model([part], None, {})
    assert (found.least_w, found.most_w) == (pytest.approx(28), 360)


@pytest.mark.parametrize(
    ("components", "accelerator", "device", "why"),
    [
        ([], None, {}, "could not read the processor"),
        ([replace(EPYC, details={"chip": {"status": "family"}})], None, {}, "cannot tell which processor"),
        ([replace(EPYC, details={"chip": {"status": "exact", "id": "apple-m4-max"}})], None, {}, "no design power for"),
        ([EPYC], "cuda:0", {}, "lists 0 accelerators"),
        ([board("GPU-1"), board("GPU-2")], "cuda:0", {}, "does not say which"),
    ],
)
def test_without_a_known_chip_there_is_no_model_but_a_reason(components, accelerator, device, why):
    assert why in power_model(components, accelerator, device)


def test_the_board_is_the_one_the_engine_names():
    from profiler.chips import load_chips

    chips = {chip.id: chip for chip in load_chips().chips}
    first, second = sorted(name for name, chip in chips.items() if chip.kind == "gpu" and chip.tdp_w)[:2]
    found = power_model([board("GPU-1", first), board("GPU-2", second)], "cuda:0", {"uuid": "GPU-2"})
    assert (found.chip_ids, found.scope) == ((second,), "board")


def test_figures_by_the_model_are_intervals_and_drawn_apart(make_case, make_repetition):
    case = make_case([make_repetition(0, (100, 200, 300))], reason="rapl: no RAPL")
    without = case.figures
    assert without["energy_per_output_token"].grade == "unavailable", "never unless asked"
    figures = case.but(power_model=power_model([EPYC], None, {})).figures
    energy = figures["energy_per_output_token"]
    assert energy.grade == "modelled"
    assert energy.ci95 == pytest.approx((56 * 0.3 / 3, 560 * 0.3 / 3))
    assert energy.value == pytest.approx(sum(energy.ci95) / 2)
    assert NAME in energy.method and "nothing was metered: rapl: no RAPL" in energy.method
    assert notation.quantity(energy).startswith("≈")
    assert figures["prefill_energy_per_prompt_token"].ci95 == pytest.approx((56 * 0.1 / 50, 560 * 0.1 / 50))
    assert figures["decode_energy_per_output_token"].ci95 == pytest.approx((56 * 0.2 / 2, 560 * 0.2 / 2))
    assert figures["mean_power"].ci95 == (pytest.approx(56), 560)
    for name in ("net_energy_per_output_token", "idle_power", "integrated_energy_per_output_token"):
        assert figures[name].grade == "unavailable", "a model knows nothing of idle"
