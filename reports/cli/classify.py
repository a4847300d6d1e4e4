"""``chipassay classify``: how a chip, or numbers, stand under the export rules of a date and destination."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import date
    from fractions import Fraction

    from profiler.chips import Chip
    from reports.judge.export_control.classification import Classification
    from reports.judge.export_control.engine import Period
    from reports.judge.export_control.subject import Numbers


@click.command("classify", short_help="A chip under the export rules of a date and destination.")
@click.argument("chip", required=False)
@click.option("--as-of", metavar="YYYY-MM-DD", help="Date of the rules, from 2022-10-01 on. Default: today.")
@click.option("--destination", default="CN", show_default=True, metavar="COUNTRY", help="ISO 3166 code or name.")
@click.option("--timeline", "over_time", is_flag=True, help="Show how the standing changed over time.")
@click.option("--tops", multiple=True, metavar="PRECISION=VALUE", help="Dense peak in TOPS or TFLOPS; repeatable.")
@click.option("--tpp", metavar="VALUE", help="Total processing performance, instead of --tops.")
@click.option("--die-area", metavar="MM2", help="Logic die area on non-planar nodes, all dies of the package.")
@click.option("--datacenter/--no-datacenter", default=None, help="Designed or marketed for datacenters, or not.")
@click.option("--dram-bandwidth", metavar="GB/S", help="Bandwidth of all attached DRAM.")
@click.option("--io-bandwidth", metavar="GB/S", help="All other inputs and outputs, both directions summed.")
@click.option("--chips", "overlay", type=click.Path(path_type=Path), metavar="FILE", help="Your own chip entries.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def classify(
    chip: str | None,
    as_of: str | None,
    destination: str,
    over_time: bool,
    tops: tuple[str, ...],
    tpp: str | None,
    die_area: str | None,
    datacenter: bool | None,
    dram_bandwidth: str | None,
    io_bandwidth: str | None,
    overlay: Path | None,
    as_json: bool,
) -> None:
    """Classify CHIP, or numbers, under the export rules of a date and destination, with the reasons.

    An unknown fact makes the answer indeterminate, never "not controlled". This is not legal advice.
    """
    from backends.common.errors import InputError
    from reports.judge.export_control import engine

    given = {
        "--tops": tops, "--tpp": tpp, "--die-area": die_area, "--datacenter/--no-datacenter": datacenter,
        "--dram-bandwidth": dram_bandwidth, "--io-bandwidth": io_bandwidth,
    }  # fmt: skip
    flags = [name for name, value in given.items() if value not in (None, ())]
    item: Chip | Numbers
    if chip is not None:
        item = _chip(chip, overlay, flags)
    elif overlay is not None:
        raise InputError("--chips adds entries to look a chip up in, but no chip is named")
    else:
        item = _numbers(tops, tpp, die_area, datacenter, dram_bandwidth, io_bandwidth, flags)
    if over_time:
        if as_of is not None:
            raise InputError("--timeline covers every date: leave out --as-of")
        _print_timeline(engine.timeline(item, destination), as_json=as_json)
    else:
        _print_classification(engine.classify(item, _date(as_of), destination), as_json=as_json)


def _print_timeline(periods: tuple[Period, ...], *, as_json: bool) -> None:
    from reports.render.classification_json import timeline_json
    from reports.render.classification_text import explain_timeline

    _print_json(timeline_json(periods)) if as_json else click.echo(explain_timeline(periods))


def _print_classification(found: Classification, *, as_json: bool) -> None:
    from reports.render.classification_json import classification_json
    from reports.render.classification_text import explain

    _print_json(classification_json(found)) if as_json else click.echo(explain(found))


def _chip(name: str, overlay: Path | None, flags: list[str]) -> Chip:
    from backends.common.errors import InputError
    from profiler.chips import load_chips

    if flags:
        raise InputError(f"give a chip or numbers, not both: {name!r} comes with {', '.join(flags)}")
    return load_chips(overlay).find(name)


def _numbers(
    tops: tuple[str, ...], tpp: str | None, die_area: str | None, datacenter: bool | None, dram_bandwidth: str | None,
    io_bandwidth: str | None, flags: list[str],
) -> Numbers:  # fmt: skip
    from backends.common.errors import InputError
    from reports.judge.export_control.figures import exact
    from reports.judge.export_control.subject import Numbers, parse_precision

    if not flags:
        raise InputError("name a chip (`chipassay chips` lists them), or give numbers such as --tops fp16=148")
    if tops and tpp is not None:
        raise InputError("give --tops or --tpp, not both")
    peaks = {}
    for text in tops:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--tops {text!r} must be PRECISION=VALUE, such as fp16=148")
        precision = parse_precision(name)
        if precision in peaks:
            raise InputError(f"--tops gives {precision} twice")
        peaks[precision] = exact(value, f"--tops {precision}")

    def figure(value: str | None, name: str) -> Fraction | None:
        return None if value is None else exact(value, name)

    return Numbers(
        tuple(peaks.items()), figure(tpp, "--tpp"), figure(die_area, "--die-area"), datacenter,
        figure(dram_bandwidth, "--dram-bandwidth"), figure(io_bandwidth, "--io-bandwidth"),
    )  # fmt: skip


def _date(text: str | None) -> date:
    from datetime import date

    from backends.common.errors import InputError

    if text is None:
        return date.today()
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--as-of {text!r} is no date; write it as YYYY-MM-DD, such as 2023-11-17") from None


def _print_json(value: object) -> None:
    from profiler.records.codec import encode

    click.echo(encode(value).decode(), nl=False)
