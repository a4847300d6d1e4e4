"""From a component to its entry in the chip catalogue."""

import pytest

from profiler.chips import load_chips
from profiler.inventory.origin import with_origin
from profiler.records.host import Component


def chip(name, kind="accelerator", **details):
    return with_origin(Component(kind, name, details=details), load_chips())


def test_an_exact_part_has_designer_and_foundry():
    found = chip("NVIDIA H100 80GB HBM3", pci_id="10de:2330", total_bytes=85520809984)
    assert found.designer_country == "US"
    assert found.details["chip"]["status"] == "exact" and found.details["chip"]["id"] == "nvidia-h100-sxm"
    assert found.details["chip"]["foundry_country"] == "TW"


def test_memory_settles_what_a_name_leaves_open():
    small, large = (chip("NVIDIA H20", total_bytes=gib << 30).details["chip"]["id"] for gib in (96, 141))
    assert small != large


def test_an_ambiguous_name_keeps_every_candidate_and_states_only_what_they_share():
    found = chip("Ascend910")
    assert found.details["chip"]["status"] == "ambiguous"
    assert len(found.details["chip"]["candidates"]) > 1 and "id" not in found.details["chip"]
    assert found.designer_country == "CN"


def test_an_unknown_name_says_how_to_add_it():
    found = chip("Frobnicator 9000")
    assert found.details["chip"]["status"] == "unknown" and "--chips" in found.details["chip"]["advice"]
    assert found.designer_country is None


def test_a_virtual_epyc_is_a_family_and_no_guess():
    found = chip("AMD EPYC", "cpu", virtual=True)
    assert found.details["chip"] == {"status": "family"}
    assert "reported as a family" in found.note


def test_a_real_part_named_by_a_hypervisor_is_taken_at_its_word():
    found = chip("AMD EPYC 9654 96-Core Processor", "cpu", virtual=True)
    assert found.details["chip"]["status"] == "exact"


@pytest.mark.parametrize("kind", ["memory", "pci-device", "python"])
def test_other_parts_are_not_looked_up(kind):
    part = Component(kind, "NVIDIA H100 80GB HBM3")
    assert with_origin(part, load_chips()) is part
