"""Markdown, JSON, CSV and the terminal say the same, and nothing hostile gets through."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import altair as alt
import jsonschema
import pytest
from rich.console import Console

from profiler.metrics.catalogue import COMMON
from profiler.records.quantity import Quantity
from reports.document.charts.svg import inline_svg
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.csv_report import COLUMNS, render_csv
from reports.render.html import render_html
from reports.render.json_report import render_json, report_schema
from reports.render.markdown import render_markdown
from reports.render.terminal import print_report
from tests.outcomes import altered
from tests.reports.bundles import bundle, digest_of, host, modelled_bundle, target

pytestmark = pytest.mark.slow

UTILISATIONS = 2 * 2 * 2
"""Phases, ceilings, and measured or declared."""
HOSTILE = "<script>alert(1)</script>|`x`*"
CASES = {
    "one": lambda: [bundle()],
    "machines": lambda: [
        bundle(),
        bundle("/b", on=host("Kunpeng 920", None, None), targets=(target("t", "int8", 1, 0.1),)),
    ],
    "groups": lambda: [bundle(), bundle("/b", workload_digest=digest_of("w2"))],
    "no ceilings": lambda: [bundle(with_ceilings=False, unfinished=("x@int4",))],
    "nothing finished": lambda: [bundle(targets=(), unfinished=("torch-cpu@float32",))],
    "modelled beside": lambda: [modelled_bundle()],
    "modelled alone": lambda: [modelled_bundle(measured=False)],
    "single repetition": lambda: [bundle(targets=(target("torch-cpu", "float32", 1, 0.1, count=1),))],
}


@pytest.fixture(params=CASES, ids=str)
def comparison(request):
    return compare(CASES[request.param]())


def hostile_bundle():
    record = target("torch-cpu", "float32", 1, 0.1)
    failure = replace(bundle().targets[3].failure, stderr_tail=f"```\n{HOSTILE}", reason=HOSTILE)
    return bundle(
        targets=(replace(record, id=HOSTILE), altered(bundle().targets[3], failure=failure)),
        model_name=HOSTILE, workload_name=HOSTILE, on=host(HOSTILE),
    )  # fmt: skip


def test_json_follows_its_published_schema(comparison):
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(render_json(judge(comparison))), schema)


def test_the_schema_refuses_a_value_without_grade_and_a_grade_without_value():
    document = json.loads(render_json(judge(compare([bundle()]))))
    figure = document["targets"][0]["metrics"]["ttft"]
    figure["grade"] = "unavailable"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_schema())
    figure["grade"], figure["value"] = "measured", None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_schema())


def test_json_keeps_the_stable_shape_and_full_precision():
    made = bundle()
    document = json.loads(render_json(judge(compare([made]))))
    first = document["targets"][0]
    assert document["schema"] == "chipassay.report/1"
    assert first["hardware"]["chip"] == "AMD EPYC 7B13"
    assert first["hardware"]["designer_country"] == "US"
    assert first["hardware"]["export_control"]["label"] == "indeterminate"
    assert document["dependence"]["status"] == "not_computed"
    for name, figure in made.targets[0].metrics.items():
        assert first["metrics"][name]["value"] == figure.value
        assert first["metrics"][name]["ci95"] == (list(figure.ci95) if figure.ci95 else None)
    assert [one["status"] for one in document["targets"]] == ["ok", "ok", "not_comparable", "failed", "unavailable"]
    assert document["targets"][2]["parity"]["passed"] is False
    assert document["targets"][2]["relative_decode_throughput"] is None
    assert document["targets"][3]["failure"]["stderr_tail"].endswith("MemoryError")
    assert document["conclusions"]["comparable"] == ["onnx-cpu@float32", "torch-cpu@float32"]


def test_json_never_mixes_groups():
    document = json.loads(render_json(judge(compare([bundle(), bundle("/b", workload_digest=digest_of("w2"))]))))
    assert len(document["targets"]) == 5
    assert [len(group["targets"]) for group in document["other_groups"]] == [5]
    assert "workload" in document["other_groups"][0]["difference"]


def test_a_logit_error_that_is_not_a_number_is_null():
    record = target("torch-cpu", "float32", 1, 0.1, passed=False)
    worst = replace(record.worker.parity, max_abs_logit_error=1.7976931348623157e308)
    record = altered(record, worker=replace(record.worker, parity=worst))
    comparison = compare([bundle(targets=(record,))])
    assert json.loads(render_json(judge(comparison)))["targets"][0]["parity"]["max_abs_logit_error"] is None
    assert "not finite" in render_markdown(judge(comparison))


def test_csv_reads_back_every_digit(comparison):
    lines = list(csv.DictReader(io.StringIO(render_csv(judge(comparison)))))
    ran = sum(row.record.worker is not None for row in comparison.rows)
    assert len(lines) == len(comparison.rows) * len(COMMON) + ran * UTILISATIONS
    assert all(tuple(line) == COLUMNS for line in lines)
    for row in comparison.rows:
        key = (row.record.id, row.machine, row.bundle.path.name)
        mine = {one["metric"]: one for one in lines if (one["target"], one["machine"], one["bundle"]) == key}
        for metric in COMMON:
            line, figure = mine[metric.name], row.metric(metric.name)
            assert (line["unit"], line["method"], int(line["n"])) == (figure.unit, figure.method, figure.n)
            assert (float(line["value"]) if line["value"] else None) == figure.value
            interval = (float(line["ci95_low"]), float(line["ci95_high"])) if line["ci95_low"] else None
            assert interval == figure.ci95


def test_markdown_tables_have_as_many_cells_in_every_row(comparison):
    tables: list[list[str]] = [[]]
    for line in render_markdown(judge(comparison)).splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    tables = [table for table in tables if table]
    assert tables
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_markdown_shows_hostile_text_as_text():
    text = render_markdown(judge(compare([hostile_bundle()])))
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.S | re.M)
    assert "<script>" not in outside
    assert "````text\n```\n<script>" in text
    for line in outside.splitlines():
        if line.startswith("|") and "script" in line:
            assert r"\|" in line


def test_html_shows_hostile_text_as_text():
    page = render_html(judge(compare([hostile_bundle()])))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "javascript:" not in page


def test_html_has_no_address_to_load_anything_from(comparison):
    page = render_html(judge(comparison))
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert all(address.startswith("#") for address in re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page))
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_html_says_what_it_does_not_know():
    page = render_html(judge(compare([bundle(unfinished=("openvino@int8",))])))
    for said in ("Export-control labels are", "indeterminate, as of", "Nothing here is legal advice",
                 "no RAPL", "MemoryError",
                 "no NVIDIA driver", "openvino@int8", "dmidecode needs root", bundle().index.command[:40]):  # fmt: skip
        assert said.lower() in page.lower()


def test_ids_of_a_drawing_carry_its_name():
    data = alt.Chart(alt.Data(values=[{"a": 1}]))
    clipped = alt.layer(data.mark_bar(clip=True).encode(x="a:Q"), data.mark_text().encode(text=alt.value('id="x"')))
    drawn = inline_svg(clipped, "g7", "A bar.", "wide")
    ids = re.findall(r'<[^>]*\sid="([^"]+)"', drawn)
    assert ids
    assert all(one.startswith("g7-") for one in ids + re.findall(r"url\(#([^)]+)\)", drawn))
    assert "g7-x" not in drawn


def test_no_two_elements_of_the_page_share_an_id():
    page = render_html(judge(compare([bundle(), bundle("/b", workload_digest=digest_of("w2"))])))
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_the_terminal_table_cuts_no_number(width):
    out = io.StringIO()
    print_report(judge(compare(CASES["machines"]())), Console(file=out, width=width))
    lines = out.getvalue().replace("\u00a0", " ").splitlines()
    assert max(len(line) for line in lines) <= width
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    for shown in (
        "10.6 tok/s",
        "10.5–10.7",
        "5.35 tok/s",
        "3.37 GB",
        "vs fastest",
        "Peak memory",
        "no RAPL",
        "—¹",
        "top-1 agreement",
    ):
        assert shown in text


def test_the_terminal_marks_modelled_figures():
    record = target("torch-cpu", "float32", 1, 0.1)
    metrics = {
        **record.metrics,
        "energy_per_output_token": Quantity(3.2, "J/tok", "modelled", "TDP model", 1, (1.0, 6.0)),
    }
    out = io.StringIO()
    print_report(judge(compare([bundle(targets=(altered(record, metrics=metrics),))])), Console(file=out, width=200))
    assert "≈3.2 J/tok" in out.getvalue().replace("\u00a0", " ").replace("3.20", "3.2")
    assert "≈ modelled" in out.getvalue()


def test_the_terminal_prints_markup_as_it_is():
    out = io.StringIO()
    made = bundle(model_name="[red]x[/red]", targets=(replace(target("t", "int8", 1, 0.1), id="[bold]t"),))
    print_report(judge(compare([made])), Console(file=out, width=120))
    assert "[red]x[/red]" in out.getvalue()
    row = next(line for line in out.getvalue().splitlines() if "fastest" not in line and "tok/s" in line)
    assert row.strip().startswith("[bold]t")
