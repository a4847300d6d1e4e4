"""How the standing of A800, H20 and RTX 4090 D changed, with the dates of the rules."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from profiler.chips import load_chips
from reports.judge.export_control import classify, timeline

pytestmark = pytest.mark.slow


def labels(name, destination="CN"):
    found = []
    for period in timeline(load_chips().find(name), destination):
        label = period.classification.eccn.label
        if not found or found[-1][1] != label:
            found.append((period.since, label))
    return found


def starts(name, layer, label):
    return [
        period.since
        for period in timeline(load_chips().find(name), "CN")
        if any(f.layer == layer and f.label == label for f in period.classification.findings)
    ]


@pytest.mark.parametrize("name", ["nvidia-a800-sxm-80gb", "nvidia-a800-pcie-80gb"])
def test_a800(name):
    assert labels(name) == [(date(2022, 10, 1), "not_3A090"), (date(2023, 11, 17), "3A090.a")]
    assert starts(name, "letters", "letter_licence_required")[0] == date(2023, 10, 23)
    assert starts(name, "review_policy", "case_by_case_eligible")[0] == date(2026, 1, 15)


def test_h20():
    assert labels("H20") == [(date(2022, 10, 1), "not_3A090")]
    assert starts("H20", "letters", "letter_licence_required")[0] == date(2025, 4, 9)
    assert starts("H20", "china_measures", "discouraged")[0] == date(2025, 7, 31)


def test_rtx_4090_d():
    assert labels("RTX 4090 D") == [(date(2022, 10, 1), "not_3A090"), (date(2023, 11, 17), "exempt_note_2")]
    assert starts("RTX 4090 D", "letters", "letter_licence_required") == []


def test_a100_was_stopped_by_letter_before_the_rule():
    found = classify(load_chips().get("nvidia-a100-sxm-80gb"), date(2022, 10, 1), "CN")
    assert (found.eccn.label, found.eccn.rule, found.restricted) == ("not_3A090", None, True)
    assert classify(load_chips().get("nvidia-a100-sxm-80gb"), date(2022, 10, 21), "CN").eccn.label == "3A090"


def test_periods_are_seamless_and_differ():
    for chip in load_chips().chips[::9]:
        periods = timeline(chip, "CN")
        assert periods[0].since == date(2022, 10, 1)
        assert periods[-1].until is None
        for one, next_one in pairwise(periods):
            assert one.until + timedelta(days=1) == next_one.since
            middle = classify(chip, one.until, "CN")
            assert middle.eccn == one.classification.eccn


def test_every_date_agrees_with_its_own_evaluation():
    """Answers are worked out once an epoch: no rule may begin or end inside one."""
    from reports.judge.export_control import engine
    from reports.judge.export_control.rules import rules

    chip = load_chips().find("H20")
    for number in range(0, 1600, 7):
        day = date(2022, 10, 1) + timedelta(days=number)
        start = engine._epochs()[engine._epoch_of(day)]
        assert [r.id for r in rules() if r.in_force(day)] == [r.id for r in rules() if r.in_force(start)]
        assert classify(chip, day, "CN").as_of == day


def test_the_whole_catalogue_on_1000_dates():
    import time

    days = [date(2022, 10, 1) + timedelta(days=number) for number in range(1000)]
    start = time.process_time()
    for chip in load_chips().chips:
        for day in days:
            classify(chip, day, "KZ")
    assert time.process_time() - start < 10
