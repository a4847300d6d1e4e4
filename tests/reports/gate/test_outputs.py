"""One result, four forms: exit status, table, JUnit, Markdown and JSON say the same."""

from xml.etree import ElementTree

import pytest

from backends.common.errors import InputError, StorageError
from profiler.records.codec import decode
from reports.gate.baseline import baseline_of
from reports.gate.check import Options, check_bundles
from reports.gate.result import CheckResult
from reports.gate.store import Stored
from reports.render.gate_junit import render_junit
from reports.render.gate_markdown import render_check_markdown
from tests.reports.bundles import host
from tests.reports.gate.conftest import document

HOSTILE = "A|B <b>`x`</b> *chip* \x00\x1b[31m & ]]>"


@pytest.fixture
def saved(cli, make_run):
    """A baseline of six runs in the current folder."""
    runs = [make_run(created=f"2026-11-{day:02}T00:00:00Z") for day in range(1, 7)]
    assert cli("baseline", "save", *runs).exit_code == 0
    return runs


@pytest.fixture
def results(make_bundle):
    """A check that failed, of a machine with a hostile name."""
    from pathlib import Path

    on = host(HOSTILE)
    stored = Stored(Path("b"), baseline_of([make_bundle(on=on) for _ in range(6)]))
    return check_bundles([make_bundle(on=on, speed=0.8) for _ in range(3)], stored, None, Options())


def test_a_good_commit_exits_with_0_a_bad_one_with_1(cli, saved, make_run):
    good = cli("check", make_run(), make_run())
    assert good.exit_code == 0, good.output
    assert "Passed: " in good.output and "✓ unchanged" in good.output
    bad = cli("check", make_run(speed=0.8), make_run(speed=0.8))
    assert bad.exit_code == 1
    assert "Failed: 4 regressed" in bad.output and "✗ regressed" in bad.output
    assert "torch-cpu@float32 Decode: regressed: " in " ".join(bad.output.split())


def test_all_forms_agree(cli, saved, make_run, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    files = ("--junit", tmp_path / "out" / "junit.xml", "--markdown", tmp_path / "out" / "check.md")
    done = cli("check", make_run(speed=0.8), make_run(speed=0.8), *files, "--json")
    assert done.exit_code == 1
    result = decode(done.stdout.encode(), CheckResult, "stdout")
    assert not result.passed
    markdown = (tmp_path / "out" / "check.md").read_text()
    assert (tmp_path / "summary.md").read_text() == f"before\n{markdown}\n"
    assert result.summary in markdown and markdown.startswith("### ❌ ")
    suites = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    failed = {
        (case.get("classname"), case.get("name"))
        for case in suites.iter("testcase")
        if case.find("failure") is not None
    }
    assert failed == {(f"chipassay.{one.target}", one.metric) for one in result.failures}
    for one in result.failures:
        assert f"| {one.target} | {one.title} |" in markdown


def test_junit_has_the_shape_that_ci_systems_read(results):
    root = ElementTree.fromstring(render_junit(results).encode())
    assert root.tag == "testsuites"
    suites = list(root)
    assert {suite.tag for suite in suites} == {"testsuite"}
    for suite in suites:
        cases = list(suite)
        assert {case.tag for case in cases} == {"testcase"}
        assert all(case.get("name") and case.get("classname") and case.get("time") for case in cases)
        assert len({case.get("name") for case in cases}) == len(cases)
        assert int(suite.get("tests")) == len(cases)
        assert int(suite.get("failures")) == sum(case.find("failure") is not None for case in cases)
        assert int(suite.get("skipped")) == sum(case.find("skipped") is not None for case in cases)
        assert suite.get("errors") == "0"
        for failure in suite.iter("failure"):
            assert failure.get("message").startswith("regressed: ") and failure.get("type") == "regressed"
            assert "baseline" in failure.text
    for total in ("tests", "failures", "skipped"):
        assert int(root.get(total)) == sum(int(suite.get(total)) for suite in suites)


def test_what_xml_cannot_hold_is_replaced(results):
    from dataclasses import replace

    hostile = replace(results, findings=tuple(replace(one, target=HOSTILE) for one in results.findings))
    root = ElementTree.fromstring(render_junit(hostile).encode())
    assert root[0].get("name") == HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")


def test_markdown_lets_no_markup_through(results):
    text = render_check_markdown(results)
    line = next(line for line in text.splitlines() if "A\\|B" in line)
    assert "<b>" not in line and "&lt;b&gt;\\`x\\`" in line
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") - row.count("\\|") for row in rows} == {7}


def test_inconclusive_is_skipped_in_junit_and_fails_only_when_strict(cli, make_run, tmp_path):
    assert cli("baseline", "save", make_run()).exit_code == 0
    commit = make_run(speed=0.92)
    lenient = cli("check", commit, "--junit", tmp_path / "j.xml", "--json")
    assert lenient.exit_code == 0
    assert any(one["verdict"] == "inconclusive" for one in document(lenient)["findings"])
    root = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert root.get("failures") == "0" and int(root.get("skipped")) > 0
    strict = cli("check", commit, "--strict", "--junit", tmp_path / "j.xml")
    assert strict.exit_code == 1
    assert int(ElementTree.parse(tmp_path / "j.xml").getroot().get("failures")) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), r"nothing to check against: give --baseline or --budgets"),
        (("--baseline", "nowhere"), r"nowhere does not exist; make a baseline with"),
        (("--metric", "speed", "--baseline", "x"), r"unknown metric 'speed'"),
        (("--smallest-effect", "20", "--baseline", "x"), r"--smallest-effect 20 must be below --loss 10"),
        (("--budgets", "none.toml"), r"--budgets none.toml cannot be read: No such file"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_do(cli, make_run, words, message):
    done = cli("check", make_run(), *words)
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
    assert done.exception.args[0].count("\n") == 0
    import re

    assert re.search(message, str(done.exception))


def test_a_summary_that_cannot_be_written_is_told(cli, saved, make_run, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "such"))
    done = cli("check", make_run())
    assert isinstance(done.exception, StorageError)
    assert "GITHUB_STEP_SUMMARY" in str(done.exception)


def test_metrics_can_be_chosen(cli, saved, make_run):
    slow = [make_run(speed=0.8), make_run(speed=0.8)]
    assert cli("check", *slow, "--metric", "peak_memory").exit_code == 0
    assert cli("check", *slow, "--metric", "tpot_p50").exit_code == 1


def test_the_table_fits_eighty_columns(cli, saved, make_run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    output = cli("check", make_run(speed=0.8)).output
    assert max(len(line.rstrip()) for line in output.splitlines()) <= 80
    assert "inconclusive" in output or "regressed" in output
