"""What a classification says: one finding a layer, with the numbers it saw, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from reports.judge.export_control.conditions import Domain, Scalar, Truth
from reports.judge.export_control.destinations import Country
from reports.judge.export_control.figures import Interval

INDETERMINATE = "indeterminate"
"""The label of a finding whose inputs leave several outcomes possible."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition of a rule: what it compares, what it saw, and how far that is from the line.

    ``saw`` and ``margin`` (saw minus line) are exact; an interval where the figure is not one number. ``text`` says it
    in words, such as ``TPP 2368, 32 below 2400``.
    """

    rule: str
    layer: str
    outcome: str
    paragraph: str
    metric: str
    op: str
    line: Scalar | tuple[Scalar, ...]
    saw: Domain
    verdict: Truth
    margin: Fraction | tuple[Fraction, Fraction | None] | None
    text: str
    citation: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says: a label, or ``indeterminate`` with the labels still possible."""

    layer: str
    rule: str | None
    title: str
    citation: str
    label: str
    possible_labels: tuple[str, ...]
    meanings: tuple[str, ...]
    reviews: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    confidence: str = "high"
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """How a company stands on the Entity List: ``listed`` is "yes", "no_listing_found", "not_yet" or "unknown"."""

    role: Literal["designer", "foundry"]
    company: str | None
    listed: str
    since: date | None = None
    citation: str = ""
    footnote: str = ""
    note: str = ""
    sources: tuple[str, ...] = ()
    confidence: str = "low"


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Something about the date that no layer decides but a reader must know."""

    id: str
    text: str
    sources: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the evidence reaches, and whether the date asked about lies beyond it."""

    dense_until: date
    thin_until: date
    facts_as_of: date
    past: bool
    statement: str


@dataclass(frozen=True, slots=True)
class Classification:
    """How a chip stands on a date, for a destination. Layers stand beside each other; none overwrites another."""

    subject: str
    chip_id: str | None
    as_of: date
    destination: Country
    tpp: Fraction | None
    tpp_bounds: Interval
    performance_density: Fraction | None
    performance_density_bounds: Interval
    eccn: Finding
    datacenter_exemption: Finding | None
    lower_tier: Finding | None
    licence: Finding | None
    licence_if_recipient_hq_in_d5: Finding | None
    licence_exceptions: tuple[Finding, ...]
    letters: tuple[Finding, ...]
    review_policy: Finding | None
    gp10: Finding | None
    tariffs: tuple[Finding, ...]
    foundry_due_diligence: Finding | None
    china_measures: tuple[Finding, ...]
    entity_list: tuple[Listing, ...]
    affiliates_rule: str
    circumstances: tuple[Circumstance, ...]
    horizon: Horizon
    not_legal_advice: str

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, in the order of an explanation."""
        single = (self.eccn, self.datacenter_exemption, self.lower_tier, self.licence)
        after = (self.review_policy, self.gp10, self.foundry_due_diligence)
        return tuple(
            finding
            for finding in (
                *single, *self.licence_exceptions, *self.letters, *after, *self.tariffs, *self.china_measures,
            )
            if finding is not None
        )  # fmt: skip

    @property
    def restricted(self) -> bool | None:
        """Whether an export to the destination needs a licence, a notified exception or a letter's licence.

        None where that is open. General Prohibition 10, the Entity List and China's measures are other layers
        and do not count here; the recipient is taken not to be headquartered in D:5 or Macau unless it is there.
        """
        said: set[bool | None] = set()
        for finding, free in ((self.licence, "none_under_3A090"), *((f, None) for f in self.letters)):
            if finding is None:
                continue
            needed = {
                label != free if free else label == "letter_licence_required" for label in finding.possible_labels
            }
            said.add(needed.pop() if len(needed) == 1 else None)
        return True if True in said else None if None in said else False
