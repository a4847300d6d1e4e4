"""A mixture of experts in a report: what ran of it, what is active, and which experts a step read."""

from dataclasses import replace

import pytest

from backends.contract.backend import ExpertUse
from backends.qwen.model import Replayed
from backends.qwen.storage import Storage, Unused
from backends.qwen.synthetic import synthetic_model
from reports.document import notation
from reports.document.language import words
from reports.document.model import Grid, GroupView
from reports.document.sections.mixture import mixture_sentences, mixtures
from reports.document.sections.ran import run_facts
from reports.document.sections.stored import stored_facts
from reports.document.sections.summary import work_done
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.judge.roofline.mixture import mixture
from tests.backends.qwen.families import TINY
from tests.outcomes import altered
from tests.reports.bundles import bundle, target

STORAGE = Storage("FP8, block 128", 14, (Unused("towers", 3), Unused("zero_biases", 2)), ("rope_theta",))
ROUTING = Replayed("/runs/routing.json", "ab" * 32, "qwen3-30b-a3b")


def mixture_bundle(architecture="qwen3_moe", use=None, batch=1, ceilings=True, **changes):
    """A run of one target with a tiny model, by default a mixture in FP8 that replays a routing."""
    model = replace(synthetic_model(TINY[architecture]), **{"storage": STORAGE, "routing": ROUTING, **changes})
    record = target("torch-cpu", "float32", 1.42, 0.18)
    record = altered(record, worker=replace(record.worker, expert_use=use))
    made = bundle(targets=(record,), with_ceilings=ceilings)
    work = replace(made.index.workload, batch=batch)
    return replace(made, index=replace(made.index, model=replace(model, digest=record.model_digest), workload=work))


def group_of(architecture, use=None):
    return compare([mixture_bundle(architecture, use, storage=None, routing=None)]).groups[0]


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


def judged(**changes):
    view = GroupView("g0", judge(compare([mixture_bundle(**changes)])).groups[0])
    row = view.study.rows[0]
    return view, row, mixture(row, view.study.positions[row.place, "decode"])


def test_a_step_is_counted_from_what_its_experts_weigh():
    _, row, made = judged(batch=4, use=ExpertUse(6.0, 30))
    spec = row.spec
    everything, idle = spec.decode_weight_bytes("float32", 4, 8), spec.decode_weight_bytes("float32", 4, 6)
    assert (made.distinct, made.known, made.read_bytes) == (6.0, "counted", idle)
    assert made.read_bytes < everything < made.total_bytes == spec.weight_bytes("float32")
    assert made.read_parameters == pytest.approx(idle / 4, rel=1e-6)
    assert made.bound == "bandwidth" and made.reading_s > made.arithmetic_s and made.step_s > made.reading_s


@pytest.mark.parametrize(("batch", "known"), [(1, "exact"), (4, "estimated")])
def test_uniform_routing_is_named_as_the_estimate_that_it_is(batch, known):
    view, row, made = judged(batch=batch)
    assert made.known == known and made.distinct == row.spec.distinct_experts(batch)
    section = mixtures(view, words("en"))
    grid = next(block for block in section.blocks if isinstance(block, Grid))
    assert grid.rows[0][1].startswith("up to") is (known == "estimated")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_reading_names_the_limit_and_the_dense_model_that_meets_it_too(language):
    say = words(language)
    _, row, made = judged(batch=4, use=ExpertUse(6.0, 30))
    for share, key in ((0.9, "mixture.binds.bandwidth"), (0.1, "mixture.engine")):
        read, binds = mixture_sentences(row, replace(made, share=share), say)
        assert say("mixture.how.replayed") in read and notation.percent(made.read_bytes / made.total_bytes) in read
        values = dict.fromkeys(("dense", "active", "share", "reading", "arithmetic"), "")
        values |= {"step": notation.with_unit(made.step_s, "s"), "ceilings": say("roofline.basis.measured")}
        assert binds.split(" ")[0] == say(key, **values).split(" ")[0]
        assert notation.number(made.read_parameters / 1e6) in binds


def test_a_limit_that_is_not_known_is_not_named():
    say = words("en")
    _, row, made = judged(ceilings=False)
    assert mixture_sentences(row, made, say)[1:] == [say("mixture.unknown")]


def test_a_dense_model_has_no_such_section():
    view = GroupView("g0", judge(compare([mixture_bundle("qwen3")])).groups[0])
    assert mixtures(view, words("en")) is None


def test_what_is_stored_how_and_what_is_left_alone_is_said():
    say = words("en")
    group = compare([mixture_bundle()]).groups[0]
    facts = dict(stored_facts(group, say))
    assert facts[say("facts.stored")].startswith("FP8, block 128: 14 weights") and "computed in float32" in str(facts)
    assert facts[say("facts.unused")] == "3 of vision or audio towers; 2 biases that are all zero"
    assert facts[say("facts.unread_keys")] == "rope_theta"
    assert "qwen3-30b-a3b" in facts[say("facts.replayed")] and "FP8, block 128" in work_done(group, say)
    assert stored_facts(group_of("qwen3_moe"), say) == []
