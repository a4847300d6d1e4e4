"""Chips asked for with ``--project``: what each format shows of them, and that nothing measured is touched."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import jsonschema
import pytest
from rich.console import Console

from backends.common.errors import InputError
from reports.document.language import ENGLISH, words
from reports.document.sections.projection import FIGURES
from reports.document.sections.reasons import note_text
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.judge.projection import project, track_record
from reports.judge.projection.groups import WANTED_PERCENT
from reports.render.csv_report import render_csv
from reports.render.html import render_html
from reports.render.json_report import render_json, report_schema
from reports.render.markdown import render_markdown
from reports.render.terminal import print_report
from tests.reports import shown
from tests.reports.bundles import bundle, digest_of, h200_bundle, kunpeng_bundle, write_bundle

pytestmark = pytest.mark.slow

CHIPS = ("huawei-ascend-910b3", "nvidia-h200-sxm", "rockchip-rk3576")
MY_CHIP = """\
schema: chipassay.chips/1
sources: {ME: {name: me, ref: here, retrieved: true, quality: mine}}
chips:
  - {id: my-npu, name: My NPU, vendor: Mine, vendor_hq_country: DE, designer_country: DE, kind: gpu, status: planned,
     pattern: 'My NPU', memory_gb: 80, memory_bandwidth_gb_s: 2000, peak_dense_tops: {bf16: 300},
     datacenter_marketed: true,
     evidence: [{of: memory, sources: [ME], confidence: low}, {of: peak_dense_tops, sources: [ME], confidence: low},
     {of: identity, sources: [ME], confidence: low}]}
"""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def bundles():
    code = bundle("/runs/code", workload_name="code", workload_digest=digest_of("w2"), output_tokens=32)
    return [h200_bundle(with_cpu=True), kunpeng_bundle(), code]


@pytest.fixture(scope="module")
def comparison():
    return compare(bundles(), project_on=CHIPS)


@pytest.fixture(scope="module")
def plain():
    return compare(bundles())


@pytest.fixture(scope="module")
def document(comparison):
    return json.loads(render_json(judge(comparison)))


def of_the_panel(page):
    return page[page.index('<div class="panel projection">') :]


def test_json_holds_every_figure_of_the_projection_field_by_field(comparison, document):
    jsonschema.validate(document, report_schema())
    first, *others = comparison.groups[0].bundles
    expected = project(CHIPS, bundle=first, more_bundles=others)
    found = document["projections"]
    assert (found["model"], found["precision"]) == ("qwen3-0.6b", "bf16")
    assert found["workload"] == {"batch": 1, "prompt_tokens": 128, "output_tokens": 64}
    assert found["evidence"] == {"published_figures": expected.published_figures, "own_figures": 9}
    assert [chip["id"] for chip in found["chips"]] == list(CHIPS)
    for chip, wanted in zip(found["chips"], expected.chips, strict=True):
        assert set(chip["figures"]) == set(FIGURES) == set(wanted.figures)
        for name, figure in chip["figures"].items():
            quantity = wanted.figures[name].quantity
            assert figure["value"] == quantity.value and figure["unit"] == quantity.unit
            why = wanted.figures[name].why
            method = note_text(why, ENGLISH) if why else quantity.method
            assert (figure["grade"], figure["method"], figure["n"]) == (quantity.grade, method, quantity.n)
            assert figure["grade"] == ("unavailable" if quantity.value is None else "modelled")
            if figure["value"] is None:
                assert figure["interval_80"] is None
            else:
                low, high = figure["interval_80"]
                assert (low, high) == wanted.figures[name].interval_80 and low <= figure["value"] <= high
        assert (chip["stack"], chip["devices"], chip["fits"]) == (wanted.stack, wanted.devices, wanted.fits)
        assert chip["notes"] == [note_text(note, ENGLISH) for note in wanted.notes]
    assert [chip["anchored_to"] for chip in found["chips"]] == [None, "h200/cuda:0@bfloat16", None]
    assert "no memory bandwidth of Rockchip RK3576" in found["chips"][2]["figures"]["tpot"]["method"]


def test_json_holds_the_track_record_whole(document):
    record, found = track_record(), document["projections"]["track_record"]
    assert found["rows"] == record.rows and sum(found["exclusions"].values()) == record.rows["excluded"]
    assert len(found["groups"]) == len(record.scores)
    for group, score in zip(found["groups"], record.scores, strict=True):
        assert (group["leave_out"], group["chip_family"], group["group"]) == (
            score.leave_out, score.chip_family, score.group,
        )  # fmt: skip
        assert (group["n"], group["interval_coverage"]) == (score.n, score.interval_coverage)
        assert group["median_absolute_percentage_error"] == score.median_absolute_percentage_error


def test_every_group_is_projected_with_its_own_workload(document):
    (other,) = document["other_groups"]
    assert other["projections"]["workload"]["output_tokens"] == 32
    assert all(chip["anchored_to"] is None for chip in other["projections"]["chips"])


def test_the_schema_refuses_a_projected_figure_that_claims_to_be_measured_or_has_no_interval(document):
    for change in ({"grade": "measured"}, {"interval_80": None}, {"value": None}):
        broken = json.loads(json.dumps(document))
        broken["projections"]["chips"][0]["figures"]["ttft"].update(change)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, report_schema())


def test_what_is_measured_stays_the_same(plain, document):
    before = json.loads(render_json(judge(plain)))
    assert "projections" not in before and "projections" not in before["other_groups"][0]
    told = document["conclusions"]["brief"].pop("modelled")
    assert told[-1] == ENGLISH("brief.modelled_projected", count=3)
    before["conclusions"]["brief"].pop("modelled")
    for name in ("targets", "dependence", "conclusions", "bundles"):
        assert document[name] == before[name]


def test_csv_holds_measured_figures_only(plain, comparison):
    assert render_csv(judge(comparison)) == render_csv(judge(plain))


def test_without_the_option_the_page_has_no_box_and_says_how_to_get_one(plain):
    page = render_html(judge(plain))
    assert 'class="panel' not in page and "term-interval_80" not in page
    assert "chipassay report --project CHIP" in page


def test_the_page_shows_figures_intervals_and_the_track_record_in_one_box(comparison):
    page = render_html(judge(comparison))
    assert page.count('<div class="panel projection">') == 2
    box = of_the_panel(page)
    box = box[: box.index("How each target ran")]
    figure = judge(comparison).groups[0].projection.chips[0].figures["tpot"]
    assert f"≈{figure.quantity.value * 1e3:.2f}\u202fms" in box
    assert f"({figure.interval_80[0] * 1e3:.2f}\u2060–\u2060{figure.interval_80[1] * 1e3:.2f})" in box
    assert box.index("Projected, with 80 % intervals") < box.index("Track record: how far") < box.index("<p class=")
    for score in track_record().scores:
        assert f"{score.median_absolute_percentage_error:.1f}\u202f%" in box
    assert "9 figures measured in this report" in box
    text = re.sub(r"<[^>]+>", "", box)
    assert "anchored to the measured run h200/cuda:0@bfloat16 at bf16, on the catalogue" in text
    ranking = page[: page.index('<div class="panel')]
    assert not any(chip in ranking for chip in ("huawei-ascend-910b3", "rockchip-rk3576"))
    assert ENGLISH("page.limits_projected") in page


def test_the_track_record_shows_families_of_the_chips_asked_for_first(comparison):
    _, record, families = shown.grids(shown.section(comparison, "projection"))
    whole = [score for score in track_record().scores if score.chip_family == "all"]
    assert len(record.rows) == len(whole) and len(families.rows) == len(track_record().scores) - len(whole)
    first = {row[0] for row in families.rows[: families.most_open]}
    assert first == {"huawei-ascend-910b", "nvidia-h200", "rockchip-rk3576"}
    assert {score.group for score in whole} == {group for _, group in WANTED_PERCENT} | {"prefill"}


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_box_is_in_chinese_where_the_report_is(comparison, render):
    text = render(judge(comparison), words("zh"))
    assert "没有一个是实测" in text and "目录中没有 Rockchip RK3576" in text and "历史准确度" in text
    for english in ("Projection", "Track record", "anchored", "published figure", "one model", "Left out", "Behind it"):
        assert english not in text
    section = shown.section(comparison, "projection", "zh")
    said = [section.title, *shown.notes(section, ""), *shown.notes(section)]
    said += [grid.caption for grid in shown.grids(section)]
    assert [one for one in said if not CHINESE.search(one)] == []


def test_markdown_has_both_tables(comparison):
    text = render_markdown(judge(comparison))
    box = text[text.index("## Projection") :]
    figure = judge(comparison).groups[0].projection.chips[0].figures["energy_per_output_token"]
    line = next(line for line in box.splitlines() if line.startswith("| huawei-ascend-910b3 | 1"))
    assert f"≈{figure.quantity.value:.2f}\u202fJ/tok ({figure.interval_80[0]:.3f}–{figure.interval_80[1]:.2f})" in line
    assert "| Decode, 16-bit, to 8k tokens | one model | 57 |" in box


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_terminal_shows_the_box_and_cuts_nothing(comparison, width, capsys):
    console = Console(width=width)
    print_report(judge(comparison), console, only=("projection",))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width and "…" not in out
    assert out.count("Projection: what a model expects of other chips") == 2
    assert "In 80 % interval" in out and "more rows: report.md and report.json have all" in out
    print_report(judge(compare([bundle()])), console)
    assert "Projection" not in capsys.readouterr().out


def test_an_unknown_chip_is_one_line_with_the_nearest_name(tmp_path):
    folder = write_bundle(kunpeng_bundle(), tmp_path / "run")
    with pytest.raises(InputError, match="unknown chip 'huawei-ascend-910b9': the nearest are huawei-ascend-910b"):
        judge(compare([kunpeng_bundle()], project_on=["huawei-ascend-910b9"]))
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "report", str(folder), "--project", "huawei-ascend-910b9"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "") and len(done.stderr.splitlines()) == 1
    assert not (folder / "report").exists() and not (tmp_path / "out").exists()


def test_the_command_writes_and_prints_projections(tmp_path):
    folder = write_bundle(kunpeng_bundle(), tmp_path / "run")
    mine = tmp_path / "chips.yaml"
    mine.write_text(MY_CHIP)
    asked = ["--project", "my-npu", "--project", "my-npu", "--project", "nvidia-h20-96gb", "--chips", str(mine)]
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "report", str(folder), *asked, "--format", "json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == str(folder / "report" / "report.json")
    assert "my-npu" in done.stdout and "Track record" in done.stdout
    written = json.loads((folder / "report" / "report.json").read_text())
    assert [chip["id"] for chip in written["projections"]["chips"]] == ["my-npu", "nvidia-h20-96gb"]
