"""The portability matrix: the operators of one model, and where each of them runs on each path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backends.operators.count import NodeCost, OperatorCost, count_model, sum_by_operator
from backends.operators.parts import PartCost, operators_by_place, sum_by_part
from backends.operators.placement import OperatorPlacement, Phase, Place, Where, place_nodes
from backends.operators.shares import Shares, shares, with_recorded
from backends.operators.support import Mode, Support, place_operator, supports
from backends.qwen.model import ModelSpec


@dataclass(frozen=True, slots=True)
class Recorded:
    """Placements that a run recorded. ``target`` is its id; ``origin`` its bundle."""

    target: str
    toolchain: str
    chip: str
    precision: str
    origin: str
    placements: tuple[OperatorPlacement, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """One column: a toolchain in one mode, or a target of a run. ``remarks`` concern the whole path."""

    name: str
    toolchain: str
    version: str
    mode: str
    chip: str
    placements: tuple[OperatorPlacement, ...]
    remarks: tuple[str, ...] = ()
    origin: str = ""
    """The bundle it was recorded in; empty if nothing ran."""

    def of(self, phase: Phase, operator: str) -> tuple[OperatorPlacement, ...]:
        """Return where one operator runs: several places if it is split."""
        return tuple(one for one in self.placements if (one.phase, one.operator) == (phase, operator))

    def of_part(self, phase: Phase, part: PartCost) -> dict[Where, tuple[str, ...]]:
        """Return the operators of a part of the model by where they run."""
        return operators_by_place(part, phase, self.placements)

    def shares(self, phase: Phase) -> Shares:
        """Return how much of the phase runs in each place."""
        placed = shares(self.placements, phase)
        assert placed is not None, "a path places every operator of the matrix"
        return placed


@dataclass(frozen=True, slots=True)
class Matrix:
    """Operators by phase, the most FLOPs first, the parts of the model, and places by path."""

    spec: ModelSpec
    precision: str
    prompt_tokens: int
    context_tokens: int
    operators: dict[Phase, tuple[OperatorCost, ...]]
    parts: dict[Phase, tuple[PartCost, ...]]
    paths: tuple[Path, ...]

    def total(self, phase: Phase) -> OperatorCost:
        """Return the sum over all operators of a phase."""
        those = self.operators[phase]
        return OperatorCost(
            "all", sum(one.count for one in those), sum(one.flops for one in those),
            sum(one.bytes_moved for one in those),
        )  # fmt: skip


def portability(
    spec: ModelSpec,
    phases: Sequence[Phase],
    prompt_tokens: int,
    context_tokens: int,
    precision: str,
    asked: Sequence[tuple[Support, str]] = (),
    recorded: Sequence[Recorded] = (),
) -> Matrix:
    """Return the matrix of ``spec``. ``asked`` are toolchains, each with a chip or ``""``; all toolchains if empty.

    A recorded target takes the place of its toolchain's column, in the mode of its precision.
    """
    costs = {phase: count_model(spec, prompt_tokens, context_tokens, phase, precision) for phase in phases}
    paths: list[Path] = []
    for support, chip in asked or [(one, "") for one in supports().values()]:
        runs = [run for run in recorded if run.toolchain == support.toolchain and chip in ("", run.chip)]
        covered = {support.mode("", run.precision).name for run in runs}
        paths += [_listed(support, mode, chip, costs) for mode in support.modes if mode.name not in covered]
        paths += [_merged(support, run, costs) for run in runs]
    known = supports()
    if not asked:
        paths += [_alone(run, costs) for run in recorded if run.toolchain not in known]
    repeated = Counter(path.name for path in paths)
    paths = [
        replace(path, name=f"{path.name} ({path.origin})") if repeated[path.name] > 1 and path.origin else path
        for path in paths
    ]
    operators = {phase: sum_by_operator(nodes) for phase, nodes in costs.items()}
    parts = {phase: sum_by_part(nodes) for phase, nodes in costs.items()}
    return Matrix(spec, precision, prompt_tokens, context_tokens, operators, parts, tuple(paths))


Costs = dict[Phase, list[NodeCost]]


def _listed(support: Support, mode: Mode, chip: str, costs: Costs) -> Path:
    placements = _placed(costs, lambda cost: place_operator(support, mode, chip, cost.operator))
    name = " ".join(part for part in (f"{support.toolchain}:{chip}" if chip else support.toolchain, mode.name) if part)
    return Path(name, support.toolchain, support.version, mode.name, chip, placements, _remarks(support, mode, chip))


def _merged(support: Support, run: Recorded, costs: Costs) -> Path:
    mode = support.mode("", run.precision)
    listed = _listed(support, mode, run.chip, costs)
    remarks = (*_remarks_of_run(run, costs), *listed.remarks)
    return replace(listed, name=run.target, placements=with_recorded(listed.placements, run.placements),
                   remarks=remarks, origin=run.origin)  # fmt: skip


def _alone(run: Recorded, costs: Costs) -> Path:
    nowhere = Place("unknown", "declared", "the run did not record it")
    placements = with_recorded(_placed(costs, lambda _: nowhere), run.placements)
    return Path(run.target, run.toolchain, "", "", run.chip, placements, _remarks_of_run(run, costs), run.origin)


def _placed(costs: Costs, place_of: Callable[[NodeCost], Place]) -> tuple[OperatorPlacement, ...]:
    return tuple(one for phase, nodes in costs.items() for one in place_nodes(phase, nodes, place_of))


def _remarks_of_run(run: Recorded, costs: Costs) -> tuple[str, ...]:
    """Name the origin of the places, and the run's operators that the portable graph, hence the matrix, lacks."""
    origin = f"places of {run.target} as {run.origin} recorded them"
    known = {(phase, node.operator) for phase, nodes in costs.items() for node in nodes}
    placed = {(one.phase, one.operator) for one in run.placements if one.phase in costs}
    others = sorted({operator for _, operator in placed - known})
    if not others:
        return (origin,)
    return origin, f"the run has operators that the portable graph lacks: {', '.join(others)}"


def _remarks(support: Support, mode: Mode, chip: str) -> tuple[str, ...]:
    untried = f"not tried for {chip} here, but for {', '.join(support.chips)}"
    return tuple(
        text
        for text in (
            mode.title,
            *(seen.note for seen in mode.observed_on(chip)),
            untried if chip and support.chips and chip not in support.chips else "",
            *support.traps,
        )
        if text
    )
