"""The notebook API: tidy frames that drop nothing."""

from datetime import date
from pathlib import Path

import pytest

from backends.common.errors import InputError
from profiler.metrics.catalogue import COMMON
from reports.api import frames, judge, read_bundles
from tests.reports.bundles import h200_bundle, kunpeng_bundle

RECORDED = Path(__file__).with_name("recorded") / "two_engines"


@pytest.fixture(scope="module")
def tables():
    return frames(judge(read_bundles([RECORDED]), as_of=date(2026, 12, 1)))


def test_every_figure_of_every_target_is_one_row(tables):
    figures = tables.figures
    assert len(figures) == 2 * len(COMMON) == len(figures.drop_duplicates(["target", "metric"]))
    measured = figures[figures.grade != "unavailable"]
    assert measured.value.notna().all()


def test_an_unavailable_figure_has_no_value_and_its_reason(tables):
    missing = tables.figures[tables.figures.grade == "unavailable"]
    assert len(missing) > 0
    assert missing.value.isna().all() and (missing.method.str.len() > 0).all()


def test_repetitions_give_the_medians_of_the_figures(tables):
    for target, runs in tables.repetitions.groupby("target"):
        figures = tables.figures[(tables.figures.target == target) & (tables.figures.metric == "ttft")]
        assert runs.ttft_s.median() == pytest.approx(figures.value.item(), rel=1e-6)
        assert (runs.duration_s > runs.ttft_s).all()


def test_a_loss_that_cannot_be_computed_is_a_row_with_its_reason(tables):
    assert set(tables.dependence.what) == {"throughput:prefill", "throughput:decode", "energy"}
    assert (tables.dependence.query("grade == 'unavailable'").reason.str.len() > 0).all()


def test_a_folder_that_is_no_bundle_is_named(tmp_path):
    with pytest.raises(InputError, match=tmp_path.name):
        read_bundles([tmp_path])


def test_a_computed_loss_has_a_row_for_each_assumption_with_the_numbers_of_the_judgement():
    judgement = judge([h200_bundle(), kunpeng_bundle()], as_of=date(2026, 1, 15))
    (loss,) = [one.loss for one in judgement.groups[0].study.phases if one.phase == "decode"]
    rows = frames(judgement).dependence.query("what == 'throughput:decode'")
    assert [tuple(row) for row in rows[["assumption", "value", "best", "best_unrestricted"]].to_numpy()] == [
        (world.assumption, world.value, world.best, world.best_unrestricted) for world in loss.worlds
    ]
    assert rows.value.between(0, 1, inclusive="neither").all()
    assert (rows.low <= rows.value).all() and (rows.value <= rows.high).all()
