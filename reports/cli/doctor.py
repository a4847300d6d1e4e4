"""``chipassay doctor``: what this machine would do to a measurement, and what could be measured on it."""

from __future__ import annotations

import click

MARKS = {"good": "ok", "improve": "!", "unknown": "?"}


@click.command(short_help="Check whether this machine is fit to measure on.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def doctor(as_json: bool) -> None:
    """Check this machine before a run: what disturbs, what to change, and what is measurable at which grade.

    The check takes about a second, changes nothing and needs no privilege. The exit status is always 0.
    """
    from profiler.doctor import diagnose

    found = diagnose()
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode({"checks": found.checks, "measurable": found.measurable}).decode(), nl=False)
        return
    for finding in found.checks:
        click.echo(f"{MARKS[finding.status]:>2} {finding.name:<19} {finding.found}")
        if finding.remedy:
            click.echo(f"{'':<22} → {finding.remedy}")
    click.echo("\nMeasurable here")
    for figure in found.measurable:
        click.echo(f"{figure.grade:<12} {figure.figure} ({figure.hardware}): {figure.how}")
        if figure.remedy:
            click.echo(f"{'':<12} → {figure.remedy}")
    count = len(found.to_improve)
    click.echo(f"\n{count} to improve" if count else "\nNothing to improve")
