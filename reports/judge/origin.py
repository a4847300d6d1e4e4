"""Who designs, makes and supplies each part of a path, and how much of the measured work ran on it.

The chip's facts come from the inventory and the chip catalogue; the software's from ``software_origin.yaml``. What
neither holds is said to be not established. A country is where the designer or maker of that part is based; a steward
of open software is not its only author.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from backends.common import facts
from backends.operators.placement import Phase as OperatorPhase
from backends.operators.placement import Where
from backends.operators.shares import WHERES, shares
from profiler.chips import Chip, load_chips
from profiler.records.target import TargetRecord
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.standing import Standing

Role = Literal["design", "fabrication", "memory", "engine", "stack"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a path. ``country`` and ``company`` are None where they are not established.

    ``also`` are countries that other sources give; ``sources`` say where it was read.
    """

    role: Role
    name: str
    company: str | None
    country: str | None
    also: tuple[str, ...] = ()
    confidence: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """What of one phase of a path runs in one place; shares are of one."""

    phase: OperatorPhase
    where: Where
    operators: int
    flops_share: float
    bytes_share: float


@dataclass(frozen=True, slots=True)
class Origin:
    """A target's parts. ``work_share`` is the share of the measured work on the chip; None if it was not recorded."""

    parts: tuple[Part, ...]
    work_share: float | None
    share_key: str
    """How the share is known: ``host``, ``placement`` or ``not_recorded``; ``not_run`` where there was no work."""


@dataclass(frozen=True, slots=True)
class Software:
    """A stack or engine: who keeps it, and where that is."""

    id: str
    names: tuple[str, ...]
    company: str
    country: str
    confidence: str
    source: str


def origin_of(row: Row, standing: Standing) -> Origin:
    """The origin of every part of the path that a target took."""
    parts = [*_chip_parts(row, standing), *_software_parts(row, standing)]
    if row.record.compiler_path:
        return Origin(tuple(parts), None, "not_run")
    if row.record.accelerator is None:
        return Origin(tuple(parts), 1.0, "host")
    share = _work_share(row)
    return Origin(tuple(parts), share, "not_recorded" if share is None else "placement")


def placement(record: TargetRecord) -> tuple[Placed, ...]:
    """Operators by phase and place, as the record holds them; places without operators are left out."""
    found = []
    phases: tuple[OperatorPhase, ...] = ("prefill", "decode")
    for phase in phases:
        share = shares(record.operators, phase)
        found += [
            Placed(phase, where, share.counts[where], share.flops[where], share.bytes_moved[where])
            for where in (WHERES if share else ())
            if share and share.counts[where]
        ]
    return tuple(found)


def _work_share(row: Row) -> float | None:
    """Share of one run's FLOPs on the accelerator: a prefill and its decode steps; None if nothing was placed."""
    steps = {"prefill": 1, "decode": row.bundle.index.workload.output_tokens - 1}
    whole = sum(steps[one.phase] * one.flops for one in row.record.operators)
    on_chip = sum(steps[one.phase] * one.flops for one in row.record.operators if one.where == "accelerator")
    return on_chip / whole if whole else None


def _chip_parts(row: Row, standing: Standing) -> Iterable[Part]:
    part, chip = row.chip, standing.chip
    if part is None:
        return
    shared: dict[str, Any] = part.details.get("chip") or {}
    name = chip.name if chip else part.name
    yield Part("design", name, chip.vendor if chip else part.vendor, part.designer_country,
               **_evidence(chip, "designer_country", part.source))  # fmt: skip
    also = chip.foundry_country_alt if chip else tuple(shared.get("foundry_country_alt") or ())
    foundry = chip.foundry if chip else shared.get("foundry")
    where = chip.foundry_country if chip else shared.get("foundry_country")
    process = chip.process_node if chip else shared.get("process_node")
    yield Part("fabrication", process or "", foundry, where, tuple(also or ()), **_evidence(chip, "foundry_country"))
    memory = chip.memory_type if chip else shared.get("memory_type")
    yield Part("memory", memory or "", None, None, **_evidence(chip, "memory_type"))


def _evidence(chip: Chip | None, fact: str, otherwise: str = "") -> dict[str, Any]:
    if chip is None:
        return {"sources": (otherwise,) if otherwise else ()}
    known = load_chips().sources
    lines = chip.evidence_for(fact)
    sources = [f"{known[key].name}, {known[key].ref}" for line in lines for key in line.sources]
    return {"confidence": lines[0].confidence if lines else "", "sources": tuple(dict.fromkeys(sources))}


def _software_parts(row: Row, standing: Standing) -> Iterable[Part]:
    worker, examined = row.record.worker, row.record.examined
    if examined is not None:
        compiled = examined.compiled
        yield _software("engine", f"{compiled.toolchain} {compiled.version}".strip(), compiled.toolchain)
    if worker is None:
        return
    yield _software("engine", f"{worker.engine.engine} {worker.engine.version}", worker.engine.engine)
    chip = standing.chip
    if row.record.accelerator and chip and chip.software_stack:
        yield _software("stack", chip.software_stack[0], chip.software_stack[0])


def _software(role: Role, shown: str, name: str) -> Part:
    known = software().get(name.casefold())
    if known is None:
        return Part(role, shown, None, None)
    return Part(role, shown, known.company, known.country, (), known.confidence, (known.source,))


@cache
def software() -> dict[str, Software]:
    """Every engine and stack of ``software_origin.yaml`` by each of its names in lower case.

    Raises:
        InputError: With the line, if an entry lacks a field or claims a name of another.
    """
    root = facts.shipped("reports.judge", "software_origin.yaml", "chipassay.software-origin/1", ("as_of", "software"))
    by_name: dict[str, Software] = {}
    for entry in root.items("software"):
        known = facts.record(Software, entry)
        facts.check_sources(entry, known.source, what=repr(known.id))
        for name in known.names:
            if by_name.setdefault(name.casefold(), known) is not known:
                raise entry.error(f"names: {name!r} belongs to {by_name[name.casefold()].id!r} too", "names")
    return by_name
