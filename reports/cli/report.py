"""``chipassay report``: turn run bundles into HTML, Markdown, JSON and CSV."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.document.language import Language
    from reports.judge.judgement import Judgement

FORMATS = ("html", "md", "json", "csv")


@click.command("report", short_help="Tables and charts from one or many run bundles.")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BUNDLE...")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for the report. Default for one bundle: its report/ folder.",
)  # fmt: skip
@click.option(
    "--format", "formats", default=",".join(FORMATS), show_default=True, metavar="LIST",
    help="Formats to write, separated by commas.",
)  # fmt: skip
@click.option(
    "--as-of", metavar="YYYY-MM-DD", help="Apply the export rules of this day. Default: the day of the newest bundle."
)
@click.option("--destination", default="CN", show_default=True, help="Apply the export rules for this country.")
@click.option(
    "--project", "project_on", multiple=True, metavar="CHIP_ID",
    help="Also project every workload on this chip of the catalogue; repeatable.",
)  # fmt: skip
@click.option(
    "--chips",
    "chips_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Chip entries of yours, for --project.",
)
@click.option("--lang", default="en", show_default=True, help="Language of HTML and Markdown: en or zh.")
@click.option("--json", "as_json", is_flag=True, help="Print the written paths as JSON.")
def report(
    bundles: tuple[Path, ...], out: Path | None, formats: str, as_of: str | None, destination: str,
    project_on: tuple[str, ...], chips_file: Path | None, lang: str, as_json: bool,
) -> None:  # fmt: skip
    """Write report.html, report.md, report.json and report.csv from run BUNDLEs.

    Targets are compared only if model and workload are identical. Bundles of many machines make one report.
    Unreadable bundles are listed and skipped; the exit status is then 1.

    --project adds what a model expects of chips that were not measured, and how far such projections were off.
    Projections are never mixed with measured figures.
    """
    # Many small solves of a projection: threads of the linear algebra library would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from backends.common.errors import InputError
    from reports.document.language import parse_language
    from reports.judge.comparison.comparison import compare
    from reports.judge.comparison.reading import read_bundles
    from reports.judge.judgement import judge

    if chips_file is not None and not project_on:
        raise InputError("--chips adds chips to project on: name them with --project CHIP_ID")
    wanted = parse_formats(formats)
    day = parse_day(as_of) if as_of else None
    language = parse_language(lang)
    if out is None:
        if len(bundles) > 1:
            raise InputError(f"{len(bundles)} bundles make one report: say where with --out DIR")
        out = bundles[0] / "report"
    read, unread = read_bundles(bundles)
    for _, reason in unread:
        click.echo(f"chipassay: left out: {reason}", err=True)
    judgement = judge(compare(read, day, destination, unread, project_on, chips_file))
    written = write_judgement(judgement, out, wanted, language)
    if as_json:
        said: dict[str, object] = {"written": [str(path) for path in written]}
        if unread:
            said["unread"] = [{"path": path, "reason": reason} for path, reason in unread]
        click.echo(json.dumps(said))
    else:
        for path in written:
            click.echo(str(path))
        if project_on:
            from rich.console import Console

            from reports.render.terminal import print_report

            print_report(judgement, Console(), only=("projection",))
    if unread:
        sys.exit(1)


def parse_formats(text: str) -> tuple[str, ...]:
    """Formats of a comma-separated list, each once, in the order asked.

    Raises:
        InputError: If a format is unknown (with the nearest one) or none is named.
    """
    from backends.common.errors import InputError, unknown

    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError(f"--format names no format: known are {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    return names


def parse_day(text: str) -> date:
    """A calendar day; raises :class:`InputError` for anything else."""
    from backends.common.errors import InputError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--as-of {text!r} is no date; write it as YYYY-MM-DD, such as 2026-01-15") from None


def write_judgement(judgement: Judgement, out_dir: Path, formats: Sequence[str], language: Language) -> list[Path]:
    """Write ``report.<format>`` into ``out_dir`` and return the paths, in the order of ``formats``.

    ``language`` is that of HTML and Markdown. Every document is rendered before the first is written, and each appears
    whole or not at all.

    Raises:
        StorageError: If ``out_dir`` cannot be written.
    """
    from profiler.records.publish import publish

    return publish({f"report.{name}": _render(name, judgement, language) for name in formats}, out_dir)


def _render(name: str, judgement: Judgement, language: Language) -> str:
    """Render one format; each renderer is imported only when asked for."""
    from reports.document.language import words

    if name == "html":
        from reports.render.html import render_html

        return render_html(judgement, words(language))
    if name == "md":
        from reports.render.markdown import render_markdown

        return render_markdown(judgement, words(language))
    if name == "json":
        from reports.render.json_report import render_json

        return render_json(judgement)
    from reports.render.csv_report import render_csv

    return render_csv(judgement)
