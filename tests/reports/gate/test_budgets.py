"""The budget file: what it may say, where its mistakes stand, and what its limits do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.common.errors import InputError
from profiler.metrics.catalogue import METRICS
from reports.gate.budget_verdicts import judge_budgets
from reports.gate.budgets import UNITS, read_budgets
from reports.gate.check import Options, check_bundles
from reports.gate.judgement import sides_of
from reports.gate.series import Figure, RunSeries, TargetSeries
from reports.gate.units import BINARY_PREFIXES, DECIMAL_PREFIXES, parse_figure
from reports.render.json_report import dependence_of_bundle

TARGETS = ("torch-cpu@float32", "onnx-cpu@float32")


@pytest.fixture
def read(tmp_path):
    def go(text):
        path = tmp_path / "budgets.toml"
        path.write_text(text)
        return read_budgets(path, TARGETS)

    return go


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("8 tok/s", "tok/s", 8), ("1.5 ktok/s", "tok/s", 1500), ("480 tok/min", "tok/s", 8), ("4 GB", "B", 4e9),
        ("4GiB", "B", 4 * 2**30), ("512 MiB", "B", 2**29), ("250 ms", "s", 0.25), ("40 µs", "s", 4e-5),
        ("2 min", "s", 120), ("0.8 J/tok", "J/tok", 0.8), ("800 mJ/tok", "J/tok", 0.8),
        ("99 %", "1", 0.99), ("0.99", "1", 0.99), ("1_000 B", "B", 1000), ("1e3 B", "B", 1000), (".5 s", "s", 0.5),
    ],
)  # fmt: skip
def test_figures_are_read_in_the_units_people_write(text, unit, value):
    assert parse_figure(text, unit) == pytest.approx(value)


@given(st.floats(0.001, 1e6), st.sampled_from(sorted({metric.unit for metric in METRICS} - {"1"})), st.data())
def test_every_prefix_scales_every_unit(number, unit, data):
    prefixes = DECIMAL_PREFIXES | (BINARY_PREFIXES if unit == "B" else {})
    prefix = data.draw(st.sampled_from(sorted(prefixes)))
    assert parse_figure(f"{number!r} {prefix}{unit}", unit) == pytest.approx(number * prefixes[prefix])


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("4", "B", "it has no unit; write it as 4 GB or 4 GiB"),
        ("4 G", "B", "'G' is no unit of this metric; write it as 4 GB or 4 GiB"),
        ("4 KB", "B", "'KB' is no unit"), ("8 GiB", "tok/s", "'GiB' is no unit of this metric; write it as 8 tok/s"),
        ("fast", "tok/s", "'fast' is no figure; write it as 8 tok/s"), ("8 tok/s", "s", "write it as 1.5 s or 250 ms"),
        ("1 k", "1", "write it as 0.99 or 99 %"), ("", "s", "is no figure"), ("nan s", "s", "is no figure"),
    ],
)  # fmt: skip
def test_a_wrong_unit_is_told_with_a_right_one(text, unit, words):
    with pytest.raises(ValueError, match=r".") as error:
        parse_figure(text, unit)
    assert words in str(error.value)


FILE = """\
# limits
[budgets]
decode_throughput = ">= 8 tok/s"
"parity.top1" = ">= 99 %"
grades = [
  "measured",
  "derived",
]
unavailable = "skip"

[budgets."onnx-cpu@float32"]
decode_throughput = "> 10 tok/s"
unavailable = "pass"
"""


def test_what_is_written_is_read_and_a_target_adds_to_and_replaces_it(read):
    budgets = read(FILE)
    every, single = budgets.of("torch-cpu@float32"), budgets.of("onnx-cpu@float32")
    assert every.grades == ("measured", "derived") and every.unavailable == "skip"
    limit = every.limits["decode_throughput"]
    assert (limit.operator, limit.value, limit.text) == (">=", 8, ">= 8 tok/s")
    assert limit.origin.endswith("budgets.toml: budgets.decode_throughput")
    assert single.limits["decode_throughput"].value == 10
    assert single.limits["decode_throughput"].origin.endswith(
        'budgets.toml: budgets."onnx-cpu@float32".decode_throughput'
    )
    assert single.limits["parity.top1"] == every.limits["parity.top1"]
    assert (single.unavailable, single.grades) == ("pass", every.grades)


def test_parity_without_quotes_is_understood(read):
    budgets = read('[budgets]\nparity.top1 = ">= 0.5"\n')
    assert budgets.every.limits["parity.top1"].origin.endswith(': budgets."parity.top1"')


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[budgets]\nttft = ">= 8 tok/s', None, "is not valid TOML: "),
        ('[budgets]\n\ndecode_thrughput = ">= 8 tok/s"', 'budgets.decode_thrughput', "did you mean 'decode"),
        ('[budgets]\nttft = 3', 'budgets.ttft', 'ttft is 3: write a limit such as ">= 8 tok/s"'),
        ('[budgets]\nttft = "250 ms"', 'budgets.ttft', "write a limit such as"),
        ('[budgets]\npeak_memory = "<= 4 GHz"', 'budgets.peak_memory', "write it as 4 GB or 4 GiB"),
        ('[budgets]\ngrades = ["guessed"]\nttft = "< 1 s"', 'budgets.grades', "must list some of measured, derived"),
        ('[budgets]\ngrades = []', 'budgets.grades', "must list some of"),
        ('[budgets]\nunavailable = "ignore"', 'budgets.unavailable', 'must be "fail", "pass" or "skip"'),
        ('[budgets."onnx-cpu@float23"]\nttft = "< 1 s"', 'budgets."onnx-cpu@float23"', "did you mean 'onnx-cpu@fl"),
        ('[budgets."onnx-cpu@float32"]\n"dependence.throughput" = "< 1"',
         'budgets."onnx-cpu@float32"."dependence.throughput"', "whole run"),
        ('[limits]\nttft = "< 1 s"', 'limits', "unknown table 'limits': everything stands under [budgets]"),
        ("", None, "sets no budget: begin with [budgets]"),
        ("budgets = 3", None, "sets no budget"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_key_in_one_line(read, text, key, words):
    with pytest.raises(InputError) as error:
        read(text)
    message = str(error.value)
    assert words in message and "\n" not in message
    assert f"budgets.toml: {key}: " in message if key else "budgets.toml" in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content):
    path = tmp_path / "b.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"--budgets .*b\.toml cannot be read: "):
        read_budgets(path, TARGETS)


def sides(**figures):
    """One target in three runs, with the given figures' samples."""
    units = {metric.name: metric.unit for metric in METRICS}
    made = {
        name: Figure(
            units[name], "measured" if samples else "unavailable", "" if samples else "no meter", tuple(samples)
        )
        for name, samples in figures.items()
    }
    run = RunSeries("s", "", "", "", {TARGETS[0]: TargetSeries("ok", "", 2, "", 6, 0, {}, made, 0.97)})
    return {TARGETS[0]: sides_of(TARGETS[0], (), (run, run, run))}


def verdict(read, text, dependence=None, **figures):
    found = judge_budgets(read(f"[budgets]\n{text}\n"), sides(**figures), dependence or {}, 1)
    return found[0]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (">= 8 tok/s", "met"), (">= 12 tok/s", "broken"), ("<= 12 tok/s", "met"), ("<= 8 tok/s", "broken"),
        (">= 10 tok/s", "inconclusive"), (">= 9.9 tok/s", "inconclusive"), ("< 10 tok/s", "inconclusive"),
    ],
)  # fmt: skip
def test_a_limit_within_the_noise_settles_nothing(read, limit, expected):
    found = verdict(read, f'decode_throughput = "{limit}"', decode_throughput=[9.9, 10, 10.1])
    assert found.verdict == expected
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize(("limit", "expected"), [(">= 0.97", "met"), ("> 97 %", "broken"), (">= 0.98", "broken")])
def test_parity_is_taken_as_it_is(read, limit, expected):
    found = verdict(read, f'"parity.top1" = "{limit}"')
    assert (found.verdict, found.value, found.interval) == (expected, 0.97, None)


@pytest.mark.parametrize(("policy", "expected"), [("fail", "broken"), ("pass", "met"), ("skip", "skipped")])
def test_what_cannot_be_had_follows_the_policy_and_says_why(read, policy, expected):
    text = f'unavailable = "{policy}"\nenergy_per_output_token = "<= 1 J/tok"'
    found = verdict(read, text, energy_per_output_token=[])
    assert found.verdict == expected
    assert found.explanation == f'unavailable, and the policy is "{policy}": no meter'


def test_without_a_policy_a_figure_that_cannot_be_had_breaks_its_budget(read):
    assert verdict(read, 'energy_per_output_token = "<= 1 J/tok"', energy_per_output_token=[]).verdict == "broken"


def test_a_grade_that_may_not_decide_counts_as_unavailable(read):
    found = verdict(read, 'grades = ["derived"]\ndecode_throughput = ">= 1 tok/s"', decode_throughput=[9, 10])
    assert found.verdict == "broken"
    assert "its grade is measured; derived may decide" in found.explanation


@pytest.mark.parametrize(
    ("dependence", "expected"),
    [
        ({"status": "not_computed", "reason": "needs two classes of hardware"}, "broken"),
        ({"status": "computed", "throughput": {"value": 0.4, "grade": "derived"}}, "met"),
        ({"status": "computed", "throughput": 0.6}, "broken"),
        ({"status": "computed", "throughput": {"value": 0.4, "grade": "modelled"}}, "broken"),
        ({"status": "computed", "throughput": None}, "broken"),
    ],
)
def test_dependence_comes_from_the_report(read, dependence, expected):
    found = verdict(read, '"dependence.throughput" = "<= 0.5"', dependence)
    assert (found.target, found.verdict) == ("", expected)
    if dependence["status"] == "not_computed":
        assert "needs two classes of hardware" in found.explanation


def test_budgets_alone_make_a_check_and_share_its_false_alarms(make_bundle, tmp_path):
    path = tmp_path / "b.toml"
    path.write_text(
        '[budgets]\ndecode_throughput = ">= 1 tok/s"\npeak_memory = "<= 1 kB"\n"parity.top1" = ">= 0.5"\n'
        'unavailable = "skip"\nenergy_per_output_token = "<= 1 J/tok"\n'
    )
    result = check_bundles([make_bundle()], None, read_budgets(path, TARGETS), Options(), dependence_of_bundle)
    assert not result.passed and result.findings == () and result.baseline is None
    assert result.rules.tests == 4  # two targets; parity is exact, energy cannot be had
    assert {(one.metric, one.verdict) for one in result.failures} == {("peak_memory", "broken")}
    assert result.summary == "Failed: 2 over budget, 4 within budget, 2 skipped."


def test_the_real_report_is_asked_for_dependence(make_bundle, tmp_path):
    path = tmp_path / "b.toml"
    path.write_text('[budgets]\nunavailable = "skip"\n"dependence.throughput" = "<= 0.5"\n')
    result = check_bundles([make_bundle()], None, read_budgets(path, TARGETS), Options(), dependence_of_bundle)
    assert [one.metric for one in result.budgets] == ["dependence.throughput"]
    assert result.budgets[0].verdict in ("skipped", "met", "broken")
    assert result.budgets[0].explanation or result.budgets[0].value is not None


def test_everything_the_metrics_measure_can_be_limited():
    assert {metric.name for metric in METRICS} < set(UNITS)
