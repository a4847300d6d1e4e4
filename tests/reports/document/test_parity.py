"""What the parity section says of targets with quantised weights, in both languages."""

from dataclasses import replace

import pytest

from profiler.records.parity import ArithmeticScore
from reports.document.language import words
from reports.document.sections.parity import judgements
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.csv_report import render_csv
from tests.outcomes import altered
from tests.reports.bundles import bundle, target

LIMITS = {"top1_agreement_min": 0.75, "kl_mean_max": 0.005, "kl_median_max": 0.004, "max_abs_logit_error_max": 1.2,
          "weight_error_max": 0.3}  # fmt: skip
ALONE = ArithmeticScore(1.0, 0.0016, 0.0015, 0.3, 0.11, True, LIMITS, (True,), (0.0016,), (0.3,))


def compared(**parity):
    record = target("onnx-cpu", "int4", 1, 0.1)
    score = replace(record.worker.parity, top1_agreement=0.56, kl_mean=0.23, thresholds={}, **parity)
    return compare([bundle(targets=(altered(record, worker=replace(record.worker, parity=score)),))])


@pytest.mark.parametrize("say", [words("en"), words("zh")], ids=["en", "zh"])
def test_arithmetic_and_loss_are_said_apart(say):
    comparison = compared(weights="dequantised", arithmetic=ALONE)
    (text,) = judgements(comparison.rows[0], say)
    for part in ("0.0016", "0.005", "56", "0.23"):
        assert part in text
    assert say("parity.passed") in text
    csv = render_csv(judge(comparison))
    assert "passed,dequantised,1.0,0.0016,0.56,0.23" in csv


@pytest.mark.parametrize("say", [words("en"), words("zh")], ids=["en", "zh"])
def test_hidden_weights_are_named_with_the_reason(say):
    (text,) = judgements(compared(weights="hidden", hidden_reason="no room").rows[0], say)
    assert "no room" in text
    assert judgements(compared(weights="same").rows[0], say) == []
