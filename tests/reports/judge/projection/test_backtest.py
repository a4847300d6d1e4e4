"""The back-test: nothing of what is left out takes part, external rows do not leak, the shipped record is current."""

import csv
from dataclasses import replace

import pytest

from reports.judge.projection import track_record
from reports.judge.projection.backtest import backtest, backtest_external, fit_of, scores
from reports.judge.projection.evidence import Evidence, judge, own_evidence
from reports.judge.projection.groups import WANTED_PERCENT, chip_family, group_of
from reports.judge.projection.intervals import Forecaster
from reports.judge.projection.rows import QWEN_COLUMNS, parse
from reports.judge.projection.track_record import digest, external_track_record
from tests.reports.judge.projection.test_evidence import PAGE


def subset(keep):
    return Evidence(0, tuple(o for o in own_evidence().observations if keep(o)), ())


@pytest.fixture(scope="module")
def chitu():
    """Chitu's sweep of one model on two vendors' chips, and vLLM 0.6 at 16 bits on an A100."""
    return subset(
        lambda o: (
            o.situation.stack.id == "chitu" or (o.situation.stack.id == "vllm-0.6" and o.situation.format.id == "bf16")
        )
    )


def test_left_out_rows_do_not_touch_their_own_prediction(chitu):
    before = {(o.leave_out, o.observation.place): o.prediction for o in backtest(chitu)}
    model = chitu.observations[0].situation.model.key
    changed = replace(
        chitu,
        observations=tuple(
            replace(o, value=o.value * 3) if o.situation.model.key == model else o for o in chitu.observations
        ),
    )
    after = {(o.leave_out, o.observation.place): o.prediction for o in backtest(changed)}
    moved = 0
    for observation in chitu.observations:
        one, other = (found["model", observation.place] for found in (before, after))
        if observation.situation.model.key == model:
            assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
        else:
            moved += one.value != other.value
    assert moved > 0


def test_every_figure_is_foretold_once_by_model_and_once_by_chip(chitu):
    outcomes = backtest(chitu)
    for leave_out in (("model",), ("chip", "chip and engine")):
        places = [o.observation.place for o in outcomes if o.leave_out in leave_out]
        assert sorted(places) == sorted(o.place for o in chitu.observations)
    # vLLM 0.6 ran on the A100 alone: without it nothing of the engine is left.
    assert {o.observation.situation.stack.id for o in outcomes if o.leave_out == "chip and engine"} == {"vllm-0.6"}


def test_scores_by_hand(chitu):
    outcomes = backtest(chitu)
    found = {(s.leave_out, s.group, s.chip_family): s for s in scores(outcomes)}
    mine = [
        o for o in outcomes
        if o.leave_out == "model" and group_of(o.observation.situation, o.observation.figure) == "serving"
        and chip_family(o.observation.situation.device) == "hygon-dcu-k100"
    ]  # fmt: skip
    score = found["model", "serving", "hygon-dcu-k100"]
    assert score.n == len(mine) == 6
    errors = sorted(
        abs(o.observation.value / o.prediction.value - 1) * 100 for o in mine
    )  # rates: predicted over published is published seconds over predicted
    assert score.median_absolute_percentage_error == pytest.approx((errors[2] + errors[3]) / 2)
    held = sum(o.prediction.low <= o.observation.value <= o.prediction.high for o in mine)
    assert score.interval_coverage == held / 6
    every = found["model", "serving", "all"]
    assert every.n == sum(s.n for key, s in found.items() if key[:2] == ("model", "serving") and key[2] != "all")


def external_rows(*changes):
    text = [QWEN_COLUMNS, *([{**PAGE, **change}[name] for name in QWEN_COLUMNS] for change in changes)]
    lines = []
    writer = csv.writer(type("Lines", (), {"write": staticmethod(lines.append)})())
    writer.writerows(text)
    return judge(parse("".join(lines), "theirs.csv"))


def test_external_rows_are_foretold_from_our_data(chitu):
    theirs = external_rows({"input_len": "1", "generated_tok_s_derived": "81.7"})
    outcomes, shared = backtest_external(own_evidence(), theirs)
    assert shared == 0
    assert [o.leave_out for o in outcomes] == ["external"]
    plain = Forecaster(fit_of("time", own_evidence().observations))
    wanted = plain.predict(theirs.observations[0].situation, "request")
    assert outcomes[0].prediction.value == pytest.approx(wanted.value)
    # A published result that is not among the project's data, of a model whose size lies beyond those fitted.
    assert outcomes[0].error < 0.15
    assert outcomes[0].covered


def test_external_rows_that_are_ours_too_take_their_model_out_of_the_fit():
    ours = {"model": "Qwen3-4B", "input_len": "1", "generated_tok_s_derived": "133.07"}
    theirs = external_rows(ours, {"model": "Qwen3-4B", "input_len": "2", "generated_tok_s_derived": "140"})
    outcomes, shared = backtest_external(own_evidence(), theirs)
    assert shared == 1
    key = theirs.observations[0].situation.model.key
    rest = [o for o in own_evidence().observations if o.situation.model.key != key]
    without = Forecaster(fit_of("time", rest))
    for outcome in outcomes:
        wanted = without.predict(outcome.observation.situation, outcome.observation.figure).value
        assert outcome.prediction.value == pytest.approx(wanted, rel=0.01)


def test_external_record_counts_its_own_rows():
    record = external_track_record(external_rows({}, {"model": "Qwen3-30B-A3B"}))
    assert record.rows == {"rows": 2, "used": 0, "converted": 1, "excluded": 1}
    assert {score.leave_out for score in record.scores} == {"external"}


def test_shipped_record_is_made_from_this_data_and_model():
    assert track_record().made_from == digest(), "run tests/reports/judge/projection/make_track_record.py"


def test_shipped_record_is_what_the_back_test_gives():
    """Golden: the memory half and two models of the time half, made anew; the numbers in the README come from it."""
    shipped = {(s.leave_out, s.group, s.chip_family): s for s in track_record().scores}
    memory = backtest(subset(lambda o: o.figure == "memory"))
    for score in scores(memory):
        golden = shipped[score.leave_out, score.group, score.chip_family]
        assert score.n == golden.n
        assert score.median_absolute_percentage_error == pytest.approx(golden.median_absolute_percentage_error, abs=0.5)
        assert score.interval_coverage == pytest.approx(golden.interval_coverage, abs=0.05)


@pytest.mark.parametrize(("leave_out", "group"), WANTED_PERCENT)
def test_shipped_record_is_within_what_was_asked(leave_out, group):
    score = next(s for s in track_record().scores if (s.leave_out, s.group, s.chip_family) == (leave_out, group, "all"))
    assert score.median_absolute_percentage_error <= WANTED_PERCENT[leave_out, group]
    assert score.n >= 50
    assert score.interval_coverage >= 0.75


def test_a_stale_record_is_not_shown(monkeypatch):
    module = __import__("reports.judge.projection.track_record", fromlist=["digest"])
    monkeypatch.setattr(module, "digest", lambda: "other")
    monkeypatch.setattr(module, "make_track_record", lambda: "made anew")
    assert track_record.__wrapped__() == "made anew"
