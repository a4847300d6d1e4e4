"""Which targets may stand in one table, and what can be concluded from them.

Two records compare only if model digest and workload digest agree. Everything a report says starts from the
:class:`Comparison` made here, so that no format can mix what another keeps apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from backends.common.errors import InputError
from backends.contract.compiled import Compiled
from backends.qwen.model import Model, ModelSpec
from profiler.chips import load_chips
from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import Bundle
from profiler.records.host import Component
from profiler.records.index import WorkloadRecord
from profiler.records.quantity import Quantity
from profiler.records.target import TargetRecord
from profiler.statistics.medians import median
from reports.judge.comparison.processor import processor_of
from reports.judge.comparison.ratio import Ratio, pairs_of, ratio_of_medians, ratio_of_pairs
from reports.judge.comparison.samples import decode_rates_tok_per_s


@dataclass(frozen=True, slots=True)
class Row:
    """One target of one bundle.

    ``label`` is unique in its group; ``place`` numbers the rows of the whole report.
    """

    label: str
    machine: str
    bundle: Bundle
    record: TargetRecord
    place: int

    @property
    def chip(self) -> Component | None:
        """The processor or accelerator the target ran on, or None if the inventory does not tell.

        For a target that only its vendor's tools were asked about, the chip in question.
        """
        return processor_of(self.record, self.bundle.host)

    @property
    def spec(self) -> ModelSpec:
        """Return the dimensions of the model."""
        return self.bundle.index.model.spec

    @property
    def batch(self) -> int:
        """Return how many sequences ran at a time."""
        return self.bundle.index.workload.batch

    @property
    def conclusive(self) -> bool:
        """Whether the row takes part in conclusions: it ran whole, and computed what the reference computed."""
        return self.record.status == "ok" and not self.rejected

    @property
    def rejected(self) -> tuple[str, ...]:
        """Operators that the path refuses: it cannot execute the model."""
        return tuple(dict.fromkeys(one.operator for one in self.record.operators if one.where == "rejected"))

    @property
    def modelled(self) -> bool:
        """Whether its figures are what a vendor's tools say of a chip that is not here: it stands beside no other."""
        return self.record.examined is not None

    @property
    def compiled(self) -> Compiled:
        """Return what the vendor's tools found out; the row must be :attr:`modelled`."""
        assert self.record.examined is not None
        return self.record.examined.compiled

    @property
    def reported(self) -> bool:
        """Whether its worker reported anything: it ran, or its vendor's tools answered."""
        return self.record.outcome.report is not None

    def metric(self, name: str) -> Quantity:
        """The figure called ``name``; one that was not recorded is unavailable, with the reason."""
        if name in self.record.metrics:
            return self.record.metrics[name]
        unit = next((metric.unit for metric in METRICS if metric.name == name), "1")
        why = self.record.failure.reason if self.record.failure else "the record does not hold this figure"
        return Quantity.unavailable(unit, why)

    def ceiling_tok_per_s(self, throughput: str, utilisation: str) -> float | None:
        """What the measured ceiling allows: throughput over utilisation (MBU for decode, MFU for prefill)."""
        reached, share = self.metric(throughput).value, self.metric(utilisation).value
        return reached / share if reached and share else None


@dataclass(frozen=True)
class Group:
    """Targets that did identical work. ``unfinished`` are (machine, target) that an interrupted run never reached."""

    model: Model
    workload: WorkloadRecord
    rows: tuple[Row, ...]
    unfinished: tuple[tuple[str, str], ...]
    bundles: tuple[Bundle, ...]

    @cached_property
    def conclusive(self) -> tuple[Row, ...]:
        """Rows that take part in conclusions, fastest decode first."""
        rows = [row for row in self.rows if row.conclusive and decode_rates_tok_per_s(row.record)]
        return tuple(sorted(rows, key=lambda row: -median(decode_rates_tok_per_s(row.record))))

    @cached_property
    def modelled(self) -> tuple[Row, ...]:
        """Rows that only a vendor's tools were asked about, those whose simulation passed parity first."""
        return tuple(
            sorted((row for row in self.rows if row.modelled), key=lambda row: row.record.status != "modelled")
        )

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of its targets, which may be fewer than its rows."""
        return frozenset(row.record.id for row in self.rows)

    @property
    def fastest(self) -> Row | None:
        """The comparable target with the highest decode throughput."""
        return self.conclusive[0] if self.conclusive else None

    @cached_property
    def _conclusive_places(self) -> frozenset[int]:
        return frozenset(row.place for row in self.conclusive)

    def relative_speed(self, row: Row) -> Ratio | None:
        """Decode throughput of ``row`` over that of the fastest; None for a row that takes part in no conclusion."""
        return self._ratio(row, self.fastest)

    def lead(self, row: Row) -> Ratio | None:
        """Decode throughput of the fastest over that of ``row``; None for a row that takes part in no conclusion."""
        return self._ratio(self.fastest, row)

    @cached_property
    def _ratios(self) -> dict[tuple[int, int], Ratio]:
        """Ratios by the places of both rows: resampling is what a report of many targets spends its time on."""
        return {}

    def _ratio(self, above: Row | None, below: Row | None) -> Ratio | None:
        places = self._conclusive_places
        if above is None or below is None or above.place not in places or below.place not in places:
            return None
        key = (above.place, below.place)
        if key not in self._ratios:
            samples = (decode_rates_tok_per_s(above.record), decode_rates_tok_per_s(below.record))
            if above.place == below.place:
                self._ratios[key] = Ratio(1.0, None, (len(samples[0]), len(samples[1])), "the fastest itself")
            else:
                self._ratios[key] = speed_ratio(above, below, *samples)
        return self._ratios[key]


def speed_ratio(
    above: Row, below: Row, own: Sequence[float], others: Sequence[float], *, prefill: bool = False
) -> Ratio:  # fmt: skip
    """Return how many times as fast ``above`` is: by pairs where both took turns in one run, else by their samples."""
    together = above.bundle.path == below.bundle.path
    pairs = pairs_of(above.record, below.record, prefill=prefill) if together else []
    return ratio_of_pairs(pairs) or ratio_of_medians(own, others)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a report is made of."""

    bundles: tuple[Bundle, ...]
    groups: tuple[Group, ...]
    machines: dict[str, str]
    """Host fingerprint -> the name it has in this report."""
    as_of: date
    """The day whose export rules the processors are judged by."""
    destination: str
    """The country they are judged for, ISO 3166 alpha-2."""
    unread: tuple[tuple[str, str], ...] = ()
    """Bundles that were named and could not be read, with the reason."""
    project_on: tuple[str, ...] = ()
    """Catalogue ids of chips that every group is projected on; no part of what is compared."""
    chips_file: Path | None = None
    """The user's own chip entries, for projections."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row of every group."""
        return tuple(row for group in self.groups for row in group.rows)


def compare(
    bundles: Sequence[Bundle],
    as_of: date | None = None,
    destination: str = "CN",
    unread: Sequence[tuple[str, str]] = (),
    project_on: Sequence[str] = (),
    chips_file: Path | None = None,
) -> Comparison:
    """Group the targets of all bundles by what they computed.

    Export rules are those of ``as_of``, by default the day of the newest bundle, for ``destination``. ``project_on``
    are chips, by id or name, that were asked for beside the measured ones; ``chips_file`` adds entries for them.

    Raises:
        InputError: If there is no bundle, one is given twice, a record contradicts its bundle, or a chip is unknown.
    """
    if not bundles:
        raise InputError("no run bundle given: name at least one folder that 'chipassay profile' wrote")
    runs = Runs()
    for bundle in bundles:
        runs.add(bundle)
    machines = _name_machines(bundles)
    alike: dict[tuple[str, str], list[Bundle]] = {}
    for bundle in bundles:
        if reason := contradiction(bundle):
            raise InputError(reason)
        alike.setdefault((bundle.index.model.digest, bundle.index.workload.digest), []).append(bundle)
    labelled = _label(tuple(_group(members, machines) for members in alike.values()))
    newest = max(datetime.fromisoformat(bundle.index.created).date() for bundle in bundles)
    chips = tuple(dict.fromkeys(load_chips(chips_file).find(name).id for name in project_on))
    return Comparison(
        tuple(bundles),
        labelled,
        machines,
        as_of or newest,
        destination,
        tuple(unread),
        chips,
        chips_file,
    )


def _group(bundles: Sequence[Bundle], machines: dict[str, str]) -> Group:
    """The targets of bundles of one model and workload, not labelled yet."""
    rows: list[Row] = []
    unfinished: list[tuple[str, str]] = []
    for bundle in bundles:
        machine = machines[bundle.host.fingerprint]
        finished = {record.id for record in bundle.targets}
        rows += [Row(record.id, machine, bundle, record, 0) for record in bundle.targets]
        unfinished += [(machine, name) for name in bundle.index.target_ids if name not in finished]
    index = bundles[0].index
    return Group(index.model, index.workload, tuple(rows), tuple(unfinished), tuple(bundles))


def contradiction(bundle: Bundle) -> str:
    """What in a bundle contradicts itself; empty if nothing does."""
    key = (bundle.index.model.digest, bundle.index.workload.digest)
    for record in bundle.targets:
        if (record.model_digest, record.workload_digest) != key:
            return (
                f"{bundle.path}: target {record.id} records another model or workload digest than bundle.json; "
                "the bundle was mixed from several runs: profile again"
            )
    return ""


class Runs:
    """The bundles seen so far; one run given twice would look like two independent ones."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], list[Bundle]] = {}

    def add(self, bundle: Bundle) -> None:
        """Raises :class:`InputError` for a copy of a run that was added before.

        Only those of one machine and moment are compared whole.
        """
        near = self._seen.setdefault((bundle.host.fingerprint, bundle.index.created), [])
        for other in near:
            if bundle.index == other.index and bundle.targets == other.targets:
                raise InputError(f"{bundle.path} is the same run as {other.path}: name each bundle once")
        near.append(bundle)


def _name_machines(bundles: Sequence[Bundle]) -> dict[str, str]:
    """A readable name per fingerprint; two machines with the same chip get a part of their fingerprint added."""
    chips: dict[str, str] = {}
    for bundle in bundles:
        chip = next((part.name for part in bundle.host.components if part.kind == "cpu"), "unknown processor")
        chips.setdefault(bundle.host.fingerprint, chip)
    shared = Counter(chips.values())
    return {key: f"{chip} #{key[:6]}" if shared[chip] > 1 else chip for key, chip in chips.items()}


def _label(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Name each row uniquely within its group, and number the report's rows: the comparable ones first.

    Colours follow the number, so rows that no chart draws must not use them up.
    """
    every = [(at, row) for group in groups for at, row in enumerate(group.rows)]
    order = sorted(range(len(every)), key=lambda at: not every[at][1].conclusive)
    place_of = {at: place for place, at in enumerate(order)}
    places = iter([place_of[at] for at in range(len(every))])
    named = []
    for group in groups:
        labels = _unique_labels(group.rows)
        rows = tuple(replace(row, label=labels[at], place=next(places)) for at, row in enumerate(group.rows))
        named.append(replace(group, rows=rows))
    return tuple(named)


def _unique_labels(rows: tuple[Row, ...]) -> list[str]:
    """The target's id; where that does not tell rows apart its machine too, its bundle's folder, and last a number.

    Where a chip's compiler happened to run tells nothing about the chip.
    """
    labels = [row.record.id for row in rows]
    if len({row.machine for row in rows if not row.record.compiler_path}) > 1:
        labels = [
            label if row.record.compiler_path else f"{label} · {_where(row)}"
            for label, row in zip(labels, rows, strict=True)
        ]
    repeated = Counter(labels)
    labels = [
        f"{label} · {row.bundle.path.name}" if repeated[label] > 1 else label
        for label, row in zip(labels, rows, strict=True)
    ]
    repeated, seen = Counter(labels), Counter[str]()
    for at, label in enumerate(labels):
        seen[label] += 1
        if repeated[label] > 1:
            labels[at] = f"{label} ({seen[label]})"
    return labels


def _where(row: Row) -> str:
    """The accelerator a target ran on, or its machine, which bears the name of its processor."""
    return row.chip.name if row.record.accelerator and row.chip else row.machine
