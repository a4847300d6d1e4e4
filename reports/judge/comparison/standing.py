"""How the processor of a target stands under the export rules of a date and destination; never a guess.

The chip catalogue named the processor when the inventory was taken. One that it could not tell, because a virtual
machine hides the part or a name fits several, is ``indeterminate``, with the labels that its candidates could have.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from profiler.chips import Chip, load_chips
from profiler.records.host import Component
from reports.judge.export_control import classify
from reports.judge.export_control.classification import Classification
from reports.judge.export_control.rules import rule_sources
from reports.judge.reason import Reason

INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Standing:
    """The answer for one part.

    ``restricted`` is None where it is not known; ``open`` then says why, or why the label is open. ``meanings`` are
    those that the rules give an open label of a known chip.
    """

    label: str
    possible_labels: tuple[str, ...]
    rule: str | None
    citation: str
    as_of: date
    destination: str
    restricted: bool | None
    open: Reason | None = None
    meanings: tuple[str, ...] = ()
    chips: tuple[Chip, ...] = ()
    sources: tuple[str, ...] = ()
    """Documents behind the rule and behind where the chip was made, each with its address."""

    @property
    def chip(self) -> Chip | None:
        """The catalogue's chip, if it is known which one it is."""
        return self.chips[0] if len(self.chips) == 1 else None


def standing(part: Component | None, as_of: date, destination: str) -> Standing:
    """Classify the processor ``part``.

    Raises:
        InputError: If the date or the destination cannot be judged, see :func:`reports.judge.export_control.classify`.
    """
    named: dict[str, Any] = part.details.get("chip") or {} if part else {}
    status = named.get("status", "unknown")
    ids = [named["id"]] if status == "exact" else list(named.get("candidates", ()))
    return _standing(status, tuple(ids), part is not None, as_of, destination)


@lru_cache(maxsize=4096)
def _standing(status: str, ids: tuple[str, ...], was_read: bool, as_of: date, destination: str) -> Standing:
    catalogue = load_chips()
    known = {chip.id: chip for chip in catalogue.chips}
    chips = tuple(known[name] for name in ids if name in known)
    found = [classify(chip, as_of, destination) for chip in chips]
    if not found:
        return Standing(INDETERMINATE, (), None, "", as_of, destination, None, Reason(_why_open(was_read, status)))
    if len(found) == 1:
        only, eccn = found[0], found[0].eccn
        return Standing(
            eccn.label, eccn.possible_labels, eccn.rule, eccn.citation, as_of, destination, only.restricted,
            Reason("rule", {"rules": _open_rules(only)}) if only.restricted is None else None,
            eccn.meanings if eccn.label == INDETERMINATE else (),
            chips, (*_rule_documents(eccn.sources), *_chip_documents(chips[0])),
        )  # fmt: skip
    possible = tuple(sorted({label for answer in found for label in answer.eccn.possible_labels}))
    verdicts = {answer.restricted for answer in found}
    return Standing(
        possible[0] if len(possible) == 1 else INDETERMINATE,
        possible,
        found[0].eccn.rule,
        found[0].eccn.citation,
        as_of,
        destination,
        verdicts.pop() if len(verdicts) == 1 else None,
        Reason("several", {"count": len(chips), "names": ", ".join(chip.id for chip in chips)}),
        chips=chips,
    )


def _open_rules(found: Classification) -> tuple[str, ...]:
    """Titles of the rules that may or may not ask for a licence."""
    layers = [finding for finding in (found.licence, *found.letters) if finding is not None]
    return tuple(f"{one.rule} ({one.title})" for one in layers if len(one.possible_labels) > 1)


def _rule_documents(keys: tuple[str, ...]) -> list[str]:
    """Title and address of each document behind a rule."""
    known = rule_sources()
    return [f"{known[key].title} {known[key].url}".strip() for key in keys if key in known]


def _chip_documents(chip: Chip) -> list[str]:
    """What the catalogue says of designer and foundry rests on these, with its confidence."""
    known = load_chips().sources
    lines = [line for fact in ("designer_country", "foundry_country") for line in chip.evidence_for(fact)]
    documents = [
        f"{known[key].name}, {known[key].ref} ({line.confidence} confidence)" for line in lines for key in line.sources
    ]
    return list(dict.fromkeys(documents))


def _why_open(was_read: bool, status: str) -> str:
    if not was_read:
        return "not_read"
    return "family" if status == "family" else "not_in_catalogue"
