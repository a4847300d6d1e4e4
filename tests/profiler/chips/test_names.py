"""From a name to a chip: exact, ambiguous with every candidate, or unknown; never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.common.errors import InputError
from profiler.chips import load_chips

CHIPS = load_chips().chips
ALIASES = [(chip, alias) for chip in CHIPS for alias in (chip.id, chip.name, *chip.aliases)]
AMBIGUOUS = [(chip, alias) for chip in CHIPS for alias in chip.ambiguous_aliases]


@pytest.mark.parametrize(("chip", "alias"), ALIASES, ids=[f"{c.id}-{a}" for c, a in ALIASES])
def test_every_alias_means_exactly_its_chip(chip, alias):
    match = load_chips().match(alias)
    assert (match.status, [c.id for c in match.candidates]) == ("exact", [chip.id])


@pytest.mark.parametrize(("chip", "alias"), AMBIGUOUS, ids=[f"{c.id}-{a}" for c, a in AMBIGUOUS])
def test_every_declared_ambiguous_alias_gives_every_candidate(chip, alias):
    match = load_chips().match(alias)
    assert match.status == "ambiguous"
    assert {c.id for c in match.candidates} == {c.id for c, other in AMBIGUOUS if other == alias}
    assert match.chip is None


@given(st.sampled_from(ALIASES), st.data())
def test_case_and_spacing_do_not_matter(entry, data):
    chip, alias = entry
    words = data.draw(st.lists(st.sampled_from(["", " ", "  "]), min_size=2, max_size=2)).copy()
    change = data.draw(st.sampled_from([str.lower, str.upper, str]))
    match = load_chips().match(words[0] + change(alias).replace(" ", "  ") + words[1])
    assert match.candidates == (chip,)


@given(st.text(max_size=30))
def test_any_text_is_answered(text):
    match = load_chips().match(text)
    assert (match.status == "exact") == (len(match.candidates) == 1 and match.how != "ambiguous alias")
    assert (match.status == "unknown") == (not match.candidates)
    assert bool(match.advice) == (match.status != "exact")


@pytest.mark.parametrize(
    ("name", "chip_id"),
    [
        ("910B3", "huawei-ascend-910b3"),
        ("Ascend910_9392", "huawei-ascend-910c"),
        ("NVIDIA A800-SXM4-80GB", "nvidia-a800-sxm-80gb"),
        ("H20", "nvidia-h20-96gb"),
        ("RTX 4090", "nvidia-rtx-4090"),
        ("rtx 4090 d", "nvidia-rtx-4090d"),
        ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", "intel-xeon-8380"),
    ],
)
def test_what_tools_and_people_say(name, chip_id):
    assert load_chips().find(name).id == chip_id


@pytest.mark.parametrize("family", ["AMD EPYC", "A100", "V100", "Ascend 910B", "NVIDIA"])
def test_a_family_is_not_guessed(family):
    match = load_chips().match(family)
    assert match.status == "ambiguous"
    assert len(match.candidates) > 1


@pytest.mark.parametrize("name", ["AMD EPYC 9K84 96-Core Processor", "NVIDIA H2000", "QEMU Virtual CPU", ""])
def test_what_is_not_known_is_not_guessed(name):
    match = load_chips().match(name)
    assert match.status == "unknown"
    assert "--chips FILE" in match.advice


def test_memory_and_pci_id_settle_what_the_name_leaves_open():
    match = load_chips().match
    assert match("NVIDIA H20", memory_gb=143.8).chip.id == "nvidia-h20-141gb"
    assert match("NVIDIA H20", memory_gb=97.9).chip.id == "nvidia-h20-96gb"
    assert match("Ascend910", memory_gb=32).status == "ambiguous"
    assert match("A100", pci_id="10DE:20B2").chip.id == "nvidia-a100-sxm-80gb"
    assert match("Graphics Device", pci_id="10de:232c").chip.id == "nvidia-h20-141gb"
    assert match("H100", memory_gb=94).chip.id == "nvidia-h100-nvl"
    assert match("NVIDIA H20", pci_id="ffff:0000").chip.id == "nvidia-h20-96gb"


def test_find_says_what_to_do():
    with pytest.raises(InputError, match=r"nearest are .*910B3"):
        load_chips().find("910B33")
    with pytest.raises(InputError, match="huawei-ascend-910a, huawei-ascend-910c"):
        load_chips().find("Ascend910")
    with pytest.raises(InputError, match="did you mean 'nvidia-t4'"):
        load_chips().get("nvidia-t44")


@pytest.mark.parametrize(("typed", "meant"), [("H20x", "nvidia-h20-96gb"), ("910b9", "910B3")])
def test_a_mistyped_model_number_is_told_its_neighbours(typed, meant):
    assert meant in load_chips().match(typed).advice
