"""The rule files are checked when they are read, and a mistake is pointed at."""

import re
from datetime import date

import pytest

from backends.common import facts
from backends.common.errors import InputError
from reports.judge.export_control.destinations import find_country, groups_of
from reports.judge.export_control.rules import read_rules, rule_sources, rules

RULE = """schema: chipassay.rules/1
rules:
  - id: X
    layer: eccn
    title: t
    citation: c
    since: 2024-01-01
    outcomes:
      - label: a
        when: {metric: tpp, op: '>=', value: 10}
        meaning: m
      - {label: b, meaning: n}
    sources: [S]
    confidence: high
"""


def read(text):
    return read_rules(facts.document(text, "rules.yaml", "chipassay.rules/1"), {"tpp": None}, ["S"])


def test_the_pattern_is_valid():
    assert read(RULE)[0].since == date(2024, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rules/1", "rules/9", r"rules\.yaml:1: schema: must be"),
        ("metric: tpp", "metric: tppp", r"rules\.yaml:10: unknown metric 'tppp': did you mean 'tpp'"),
        ("op: '>='", "op: '=>'", r"rules\.yaml:10: unknown operator '=>'"),
        ("value: 10", "value: ten", r"rules\.yaml:10: value: 'ten' cannot be compared"),
        ("value: 10", "valu: 10", r"rules\.yaml:10: a condition is"),
        ("since: 2024-01-01", "since: soon", r"rules\.yaml:7: since: "),
        (
            "since: 2024-01-01",
            "since: 2024-01-01\n    until: 2023-01-01",
            r"rules\.yaml:8: until: 2023-01-01 is before",
        ),
        ("sources: [S]", "sources: []", r"rules\.yaml:13: sources: 'X' has no source"),
        ("sources: [S]", "sources: [T]", r"rules\.yaml:13: sources: unknown source 'T'"),
        ("confidence: high", "confidence: sure", r"rules\.yaml:14: confidence: "),
        ("layer: eccn", "layer: ecn", r"rules\.yaml:4: layer: unknown value 'ecn': did you mean 'eccn'"),
        ("    citation: c\n", "", r"rules\.yaml:3: citation: is missing"),
        ("title: t", "titel: t", r"rules\.yaml:5: unknown field 'titel': did you mean 'title'"),
        ("meaning: m", "mening: m", r"rules\.yaml:11: unknown field 'mening': did you mean 'meaning'"),
        ("      - label: a\n", "      - {label: z, meaning: q}\n      - label: a\n", r"outcomes: only the last"),
    ],
)
def test_a_mistake_is_pointed_at(old, new, message):
    assert old in RULE
    with pytest.raises(InputError, match=message):
        read(RULE.replace(old, new, 1))


def test_every_rule_is_dated_cited_and_sourced():
    assert len({rule.id for rule in rules()}) == len(rules())
    for rule in rules():
        assert rule.citation
        assert set(rule.sources) <= set(rule_sources())


def test_at_most_one_rule_a_single_layer_at_a_time():
    single = ("datacenter_exemption", "lower_tier", "licence", "review_policy", "gp10", "foundry_due_diligence")
    for layer in single:
        for rule in (r for r in rules() if r.layer == layer):
            assert [r.id for r in rules() if r.layer == layer and r.in_force(rule.since)] == [rule.id]


def test_country_groups_give_the_44_countries_of_november_2023():
    on = date(2023, 11, 17)
    from reports.judge.export_control.destinations import _countries

    codes = {country.code for country in _countries().values()} - {"HK"}
    scope = {c for c in codes if groups_of(c, on) & {"D1", "D4", "D5"} and not groups_of(c, on) & {"A5", "A6"}}
    assert "MO" in scope
    assert len(scope - {"MO"}) in (43, 44)
    assert ("NI" in scope) == (on >= date(2024, 3, 15))


@pytest.mark.parametrize(
    ("text", "code"),
    [("CN", "CN"), ("cn", "CN"), ("China", "CN"), ("hong kong", "HK"), ("Macao", "MO"), ("Burma", "MM"), ("UAE", "AE")],
)
def test_countries_by_code_and_name(text, code):
    assert find_country(text).code == code


def test_an_unknown_country_suggests_the_nearest():
    with pytest.raises(InputError, match=re.escape("did you mean China (CN)")):
        find_country("Chnia")
