"""How a target's processor stands in the report: judged when it is known, open when it is not."""

from datetime import date

import pytest

from backends.common.errors import InputError
from profiler.chips import load_chips
from profiler.records.host import Component
from reports.judge.comparison.standing import standing

DAY = date(2025, 5, 1)


def part(**chip):
    return Component("accelerator", "a board", details={"chip": chip} if chip else {})


def test_a_known_chip_gets_its_label_rule_and_citation():
    found = standing(part(status="exact", id="nvidia-a800-sxm-80gb"), DAY, "CN")
    assert (found.label, found.restricted) == ("3A090.a", True)
    assert found.rule == "US-2023-10" and "88 FR 73458" in found.citation
    assert found.chip.foundry_country == "TW"
    assert any("https://" in document for document in found.sources)
    assert any("confidence" in document for document in found.sources)


def test_the_day_decides():
    before = standing(part(status="exact", id="nvidia-a800-sxm-80gb"), date(2023, 1, 1), "CN")
    assert before.label == "not_3A090"


def test_an_ambiguous_name_keeps_the_labels_of_all_its_candidates():
    ids = ["nvidia-h20-96gb", "nvidia-a800-sxm-80gb"]
    found = standing(part(status="ambiguous", candidates=ids), DAY, "CN")
    assert found.label == "indeterminate" and set(found.possible_labels) == {"not_3A090", "3A090.a"}
    assert found.chip is None and all(name in found.open.values["names"] for name in ids)


@pytest.mark.parametrize("named", [{}, {"status": "family"}, {"status": "unknown"}])
def test_what_is_not_known_is_never_called_uncontrolled(named):
    found = standing(part(**named), DAY, "CN")
    assert (found.label, found.possible_labels, found.restricted) == ("indeterminate", (), None)
    assert found.open.code in ("family", "not_in_catalogue")


def test_no_processor_is_indeterminate_too():
    assert standing(None, DAY, "CN").label == "indeterminate"


def test_an_unknown_country_is_told():
    with pytest.raises(InputError):
        standing(part(status="exact", id=load_chips().chips[0].id), DAY, "Atlantis")
