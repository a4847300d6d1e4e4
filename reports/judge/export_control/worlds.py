"""The states of affairs that are possible for a subject, as far as a rule can tell them apart.

Conditions compare metrics with fixed lines, so the values of a metric fall into finitely many parts; one value of each
stands for all. TPP and performance density hang together through the die area, DRAM and I/O bandwidth through their
sum: they are enumerated jointly, so that no impossible pair is looked at. What a rule says over all worlds is exactly
what it says over all possible values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import product

from reports.judge.export_control.conditions import Domain, Leaf, Scalar
from reports.judge.export_control.figures import Interval
from reports.judge.export_control.subject import Subject

_COMPUTE = ("tpp", "legacy_bits_x_tops", "pd")
_BANDWIDTH = ("total_dram_bandwidth_gb_s", "io_bandwidth_gb_s", "dram_plus_io_bandwidth_gb_s")


def worlds(subject: Subject, given: Mapping[str, Domain], leaves: Iterable[Leaf]) -> Iterator[dict[str, Scalar]]:
    """One world of every kind the comparisons in ``leaves`` can tell apart.

    ``given`` holds the metrics that do not come from the subject: destination, date, recipient.
    """
    lines: dict[str, set[Fraction]] = {}
    for leaf in leaves:
        numbers = lines.setdefault(leaf.metric, set())
        if isinstance(leaf.value, Fraction) and not isinstance(leaf.value, bool):
            numbers.add(leaf.value)
    axes: list[list[dict[str, Scalar]]] = []
    if any(metric in lines for metric in _COMPUTE):
        axes.append(list(_compute(subject, lines)))
    if any(metric in lines for metric in _BANDWIDTH):
        axes.append(list(_bandwidth(subject, lines)))
    for metric, numbers in lines.items():
        if metric in _COMPUTE or metric in _BANDWIDTH or metric == "eccn_label":
            continue
        domain = given[metric] if metric in given else subject.domains[metric]
        values = domain.points(numbers) if isinstance(domain, Interval) else domain
        axes.append([{metric: value} for value in values])
    for parts in product(*axes):
        yield {name: value for part in parts for name, value in part.items()}


def _compute(subject: Subject, lines: Mapping[str, set[Fraction]]) -> Iterator[dict[str, Scalar]]:
    """TPP and performance density. A density line cuts the TPP axis where it enters and leaves the range of areas."""
    area = subject.die_area_mm2
    densities = lines.get("pd", set())
    edges = {density * end for density in densities for end in (area.low, area.high) if end}
    for tpp in subject.tpp.points(lines.get("tpp", set()) | lines.get("legacy_bits_x_tops", set()) | edges):
        if not densities:
            yield {"tpp": tpp, "legacy_bits_x_tops": tpp}
            continue
        pd = Interval(tpp, tpp).over(area) if tpp else Interval(tpp, tpp)
        for density in pd.points(densities):
            yield {"tpp": tpp, "legacy_bits_x_tops": tpp, "pd": density}


def _bandwidth(subject: Subject, lines: Mapping[str, set[Fraction]]) -> Iterator[dict[str, Scalar]]:
    """DRAM and I/O bandwidth and their sum, each line of the sum seen from both."""
    dram_line, io_line, sum_line = (lines.get(metric, set()) for metric in _BANDWIDTH)
    if "io_bandwidth_gb_s" not in lines and "dram_plus_io_bandwidth_gb_s" not in lines:
        for dram in subject.dram.points(dram_line):
            yield {_BANDWIDTH[0]: dram}
        return
    edges = {total - end for total in sum_line for end in (subject.io.low, subject.io.high) if end is not None}
    for dram in subject.dram.points(dram_line | edges):
        for io in subject.io.points(io_line | {total - dram for total in sum_line}):
            yield dict(zip(_BANDWIDTH, (dram, io, dram + io), strict=True))
