"""Thousands of targets in one report: it ends, says how many there are, and drops none silently."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from reports.document.language import ENGLISH
from reports.document.sections import summary
from reports.judge.comparison import samples
from reports.judge.comparison.comparison import Runs, compare
from reports.judge.judgement import judge
from reports.render import html
from reports.render.csv_report import render_csv
from reports.render.html import MOST_HELD, render_html
from reports.render.json_report import render_json
from tests.reports.bundles import FAILED, bundle, host, target

pytestmark = pytest.mark.slow


def many(bundles: int, each: int):
    """``bundles`` of ``each`` targets with ids of their own, one in eight failed; made on two machines."""
    ran = [target("torch-cpu", "float32", 1.42, 0.1835, seed=seed, count=3) for seed in range(7)]
    machines = [host(), host("Hygon C86 7285", "Hygon", "CN")]
    made = []
    for at in range(bundles):
        records = [
            replace([*ran, FAILED][n % 8], id=f"torch-cpu:{at * each + n}@float32", device=str(at * each + n))
            for n in range(each)
        ]
        when = f"2026-11-{1 + at % 20:02d}T{at // 20 % 24:02d}:00:00Z"
        made.append(bundle(f"/runs/{at}", targets=tuple(records), on=machines[at % 2], created=when))
    return made


@pytest.fixture(scope="module")
def large():
    """2,000 targets in 40 bundles."""
    return compare(many(40, 50))


@pytest.fixture(scope="module")
def page(large):
    return render_html(judge(large))


def test_the_data_hold_every_target(large):
    wanted = [f"torch-cpu:{n}@float32" for n in range(2000)]
    document = json.loads(render_json(judge(large)))
    assert [one["id"] for one in document["targets"]] == wanted
    assert list(dict.fromkeys(row["target"] for row in csv.DictReader(io.StringIO(render_csv(judge(large)))))) == wanted


def test_the_page_says_how_many_targets_there_are_and_how_many_it_leaves_to_the_data(page):
    assert "2000 targets" in page
    comparable, failed = 1760, 240
    left = [tuple(map(int, pair)) for pair in re.findall(r"(\d+) more of (\d+) would make this page too large", page)]
    of_each = (comparable - MOST_HELD, comparable)
    assert left.count(of_each) == 7, "comparison, factors of both phases, rooflines, parity, origins, runs"
    assert all(all_ - MOST_HELD == more for more, all_ in left)
    assert page.count("was killed by signal 9 while loading") >= failed, "few enough are all on the page"


def test_the_page_does_not_grow_with_what_it_leaves_to_the_data(page):
    smaller = render_html(judge(compare(many(20, 50))))
    assert len(page) < 1.25 * len(smaller)


def test_names_are_found_in_one_pass_over_a_text(large, monkeypatch):
    """The names of a group are gathered once, however many texts the page has."""
    asked = []

    class Watched(frozenset):
        def __contains__(self, name):
            asked.append(name)
            return super().__contains__(name)

        def __iter__(self):
            raise AssertionError("the names are gone through one by one")

    (group,) = large.groups
    monkeypatch.setitem(group.__dict__, "ids", Watched(group.ids))
    shown = html._keep_names_whole(
        "torch-cpu:7@float32: 1.5 times torch-cpu:1999@float32, 3–4 of torch-cpu:9@int4.", group
    )
    assert re.findall('<span class="id">(.*?)</span>', shown) == ["torch-cpu:7@float32", "torch-cpu:1999@float32"]
    assert re.sub("<.*?>|\u2060", "", shown).endswith("3–4 of torch-cpu:9@int4.")
    assert len(asked) <= 8


def test_token_times_are_computed_for_what_a_sentence_names_only(large, monkeypatch):
    asked = []

    def counting(record):
        asked.append(record.id)
        return samples.token_times(record)

    monkeypatch.setattr(summary, "token_times", counting)
    summary.latency_title(large.groups[0], ENGLISH)
    assert len(asked) == 2


def test_a_bundle_is_compared_with_those_of_its_machine_and_moment_only(monkeypatch):
    compared = []

    class Index:
        def __init__(self, created):
            self.created = created

        def __eq__(self, other):
            compared.append((self.created, other.created))
            return False

        __hash__ = None

    runs, one = Runs(), bundle(targets=(FAILED,))
    for at in range(500):
        runs.add(replace(one, index=Index(str(at))))
    assert compared == []
    runs.add(replace(one, index=Index("7")))
    assert compared == [("7", "7")]


def test_comparable_rows_are_numbered_first(large):
    places = [row.place for row in large.rows]
    assert sorted(places) == list(range(2000))
    assert max(row.place for row in large.rows if row.conclusive) < min(r.place for r in large.rows if not r.conclusive)
