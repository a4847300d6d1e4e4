"""A mixture of experts in a report: what ran of it, what is active, and which experts a step read."""

from dataclasses import replace

import pytest

from backends.contract.backend import ExpertUse
from backends.qwen.synthetic import synthetic_model
from reports.document.language import words
from reports.document.sections.ran import run_facts
from reports.document.sections.summary import work_done
from reports.judge.comparison.comparison import compare
from tests.backends.qwen.families import TINY
from tests.outcomes import altered
from tests.reports.bundles import bundle, target


def group_of(architecture, use=None):
    model = synthetic_model(TINY[architecture])
    record = target("torch-cpu", "float32", 1.42, 0.18)
    record = altered(record, worker=replace(record.worker, expert_use=use))
    made = bundle(targets=(record,))
    index = replace(made.index, model=replace(model, digest=made.targets[0].model_digest))
    return compare([replace(made, index=index)]).groups[0]


def experts_line(group, say):
    return dict(run_facts(group.rows[0], say)).get(say("facts.experts"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_counted_experts_are_shown_beside_uniform_routing(language):
    say = words(language)
    line = experts_line(group_of("qwen3_moe", ExpertUse(1.75, 30)), say)
    assert line == say("facts.experts_counted", distinct="1.75", count=8, uniform="2.00")


def test_an_engine_that_hides_its_choices_gets_the_estimate_by_its_name():
    say = words("en")
    assert experts_line(group_of("qwen3_moe"), say) == say("facts.experts_uniform", uniform="2.00", count=8)


def test_a_dense_model_has_no_line_of_experts():
    assert experts_line(group_of("qwen3"), words("en")) is None


@pytest.mark.parametrize(
    ("architecture", "key", "active"),
    [
        ("qwen3", "whole", False),
        ("qwen3_5", "language", False),
        ("qwen3_moe", "whole", True),
        ("qwen3_vl_moe", "language", True),
    ],
)
def test_the_first_sentence_says_what_ran_of_the_model(architecture, key, active):
    say, spec = words("en"), TINY[architecture]
    sentence = work_done(group_of(architecture), say)
    assert ("language model of" in sentence) is (key == "language")
    assert ("active" in sentence) is active
    assert f"{spec.language_parameters / 1e6:.3g} million" in sentence
