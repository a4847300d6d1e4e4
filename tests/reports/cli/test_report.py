"""``chipassay report``: what it writes, where, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from backends.common.errors import InputError, StorageError
from profiler.records import publish as publishing
from reports.cli.report import parse_formats, report, write_judgement
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from tests.reports.bundles import bundle, digest_of, host, write_bundle

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    return write_bundle(bundle(), tmp_path / "run")


def invoke(*arguments):
    return CliRunner().invoke(report, [str(one) for one in arguments])


def test_everything_is_written_into_the_bundles_own_folder(folder):
    result = invoke(folder)
    assert result.exception is None, result.exception
    written = [Path(line) for line in result.output.splitlines()]
    assert [path.name for path in written] == ["report.html", "report.md", "report.json", "report.csv"]
    assert all(path.parent == folder / "report" and path.stat().st_size > 0 for path in written)
    assert sorted(path.name for path in (folder / "report").iterdir()) == sorted(path.name for path in written)
    assert invoke(folder, "--format", "csv").exception is None, "a bundle with a report in it is still a bundle"


def test_many_bundles_need_a_place(folder, tmp_path):
    other = write_bundle(bundle(on=host("Kunpeng 920"), workload_digest=digest_of("w2")), tmp_path / "other")
    assert isinstance(invoke(folder, other).exception, InputError)
    result = invoke(folder, other, "--out", tmp_path / "out", "--format", "json,csv", "--json")
    assert json.loads(result.output) == {
        "written": [str(tmp_path / "out" / f"report.{name}") for name in ("json", "csv")]
    }
    assert len(json.loads((tmp_path / "out" / "report.json").read_text())["other_groups"]) == 1


def test_an_unknown_format_names_the_nearest(folder):
    with pytest.raises(InputError, match="did you mean 'html'"):
        parse_formats("htm")
    with pytest.raises(InputError, match="names no format"):
        parse_formats(" , ")
    assert not (folder / "report").exists()
    assert parse_formats("csv, HTML,csv") == ("csv", "html")


@pytest.mark.parametrize("damage", ["missing", "not a bundle", "truncated", "changed"])
def test_a_damaged_bundle_is_one_clear_error(folder, tmp_path, damage):
    given = folder
    if damage == "missing":
        given = tmp_path / "nowhere"
    elif damage == "not a bundle":
        given = tmp_path
    elif damage == "truncated":
        (folder / "bundle.json").write_bytes((folder / "bundle.json").read_bytes()[:100])
    else:
        (folder / "host.json").write_text("{}")
    result = invoke(given)
    assert isinstance(result.exception, InputError)
    assert "\n" not in str(result.exception)
    assert not (given / "report").exists()


def test_a_full_disk_leaves_the_old_report_alone(folder, monkeypatch):
    out = folder / "report"
    invoke(folder, "--format", "md,json")
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device; choose another --out"):
        publishing.publish({"report.md": "new", "report.json": "new"}, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_a_storage_error(folder, tmp_path):
    (tmp_path / "file").write_text("")
    result = invoke(folder, "--out", tmp_path / "file" / "out", "--format", "md")
    assert isinstance(result.exception, StorageError)


def test_writing_answers_with_paths(tmp_path):
    assert write_judgement(judge(compare([bundle()])), tmp_path, ("md",), "en") == [tmp_path / "report.md"]


def test_reading_the_help_imports_nothing_heavy():
    heavy = ("pandas", "altair", "numpy", "rich", "jinja2", "msgspec")
    code = f"import sys, reports.cli.report; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_judge_runs_no_engine():
    code = (
        "import sys; from reports.render import html, csv_report, json_report, markdown, terminal;"
        "print([m for m in ('torch', 'transformers', 'onnxruntime') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
