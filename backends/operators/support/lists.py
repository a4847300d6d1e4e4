"""What is known about one toolchain's operators, as its vendor's folder has it in ``operators.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.operators.placement import Evidence, Where


@dataclass(frozen=True, slots=True)
class Declared:
    """A published list. What it holds runs ``where``; what it does not hold, ``absent``.

    ``restricted`` are operators taken under a condition only, which is its text.
    """

    source: str
    where: Where
    absent: Where
    operators: frozenset[str]
    restricted: dict[str, str] = field(default_factory=dict)
    vendor_operators: tuple[str, ...] = ()
    """The vendor's own operators, which stand for several of ONNX."""

    def holds(self, operator: str) -> bool:
        """Whether the list has it, with a condition or without."""
        return operator in self.operators or operator in self.restricted


@dataclass(frozen=True, slots=True)
class Observed:
    """Where the toolchain put the operators of whole Qwen graphs; on all chips if it names none."""

    source: str
    evidence: Evidence
    where: dict[str, Where]
    chips: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """How results of probes are read in one mode."""

    source: str
    evidence: Evidence
    where: dict[str, Where]


@dataclass(frozen=True, slots=True)
class Probe:
    """A model of one node. ``results`` are by mode, or under ``""`` for all.

    ``form`` is what is unusual about the node: such a probe does not show its usual form. ``facts`` are
    what else the tool said: its own operators (``lowered_to``), closeness, or the ``detail`` of an error.
    """

    case: str
    operator: str
    results: dict[str, str]
    form: str = ""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """What must be known of some operators, whatever the mode."""

    operators: frozenset[str]
    note: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to use a toolchain. ``precisions`` are those it is the usual one for; none: for all.

    With ``host_needs_declaration`` the compiler puts on the CPU what it does not know, so that only a published list
    makes such a place one where the operator runs; else it is rejected.
    """

    name: str
    title: str = ""
    precisions: tuple[str, ...] = ()
    declared: Declared | None = None
    observed: tuple[Observed, ...] = ()
    probed: Probed | None = None
    host_needs_declaration: bool = False

    def observed_on(self, chip: str) -> tuple[Observed, ...]:
        """What was observed on ``chip``, in its order; without a chip, or for all alike, the first of each source."""
        found: dict[str, Observed] = {}
        for one in self.observed:
            if not chip or not one.chips or chip in one.chips:
                found.setdefault(one.source, one)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Support:
    """One toolchain, at one version. ``chips`` are those it was tried for; ``sources`` are texts by key.

    ``traps`` are what misleads, whatever the operator.
    """

    toolchain: str
    vendor: str
    version: str
    modes: tuple[Mode, ...]
    sources: dict[str, str]
    also_called: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    traps: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()

    def mode(self, name: str, precision: str) -> Mode:
        """The mode called ``name``; without a name, the usual one of ``precision``."""
        if name:
            return next(mode for mode in self.modes if mode.name == name)
        usual = (mode for mode in self.modes if not mode.precisions or precision in mode.precisions)
        return next(usual, self.modes[0])
