"""What was tried to execute fastest: which way runs, what the others took, and what making ready cost, apart."""

from dataclasses import replace

from backends.contract.backend import Trial
from reports.document.language import ENGLISH, words
from reports.document.sections.ran import run_facts
from reports.judge.comparison.comparison import compare
from tests.outcomes import altered
from tests.reports.bundles import bundle, target

NARROW_SPACE = "\u202f"
TRIALS = (
    Trial("decode step", "plain; sdpa, masked", False, 0.00512, 0.4),
    Trial("decode step", "plain; flash, used length", False, None, 0.02, "RuntimeError: no kernel image"),
    Trial("decode step", "compiled; sdpa, masked", True, 0.00431, 21.0),
)


def told(language):
    record = target("torch-cpu", "bfloat16", 1.42, 0.18)
    record = altered(record, worker=replace(record.worker, trials=TRIALS))
    (row,) = compare([bundle(targets=(record,))]).groups[0].rows
    return [
        f"{name}: {value}".replace(NARROW_SPACE, " ")
        for name, value in run_facts(row, words(language))
        if "decode step" in name
    ]


def test_each_way_is_told_with_its_time_and_its_cost_apart():
    slower, failed, chosen = told("en")
    values = {"way": "plain; sdpa, masked", "took": "5.12 ms", "ready": "400 ms"}
    assert slower == f"Tried, decode step: {ENGLISH('facts.trial.slower', **values)}"
    values = {"way": "compiled; sdpa, masked", "took": "4.31 ms", "ready": "21.0 s"}
    assert chosen == f"Tried, decode step: {ENGLISH('facts.trial.chosen', **values)}"
    assert "RuntimeError: no kernel image" in failed and "20.0 ms" in failed


def test_in_chinese_too():
    assert ["试行" in line for line in told("zh")] == [True] * 3


def test_a_target_with_one_way_to_run_has_no_such_line():
    (row,) = compare([bundle(targets=(target("torch-cpu", "float32", 1.42, 0.18),))]).groups[0].rows
    assert not [name for name, _ in run_facts(row, ENGLISH) if name.startswith("Tried")]
