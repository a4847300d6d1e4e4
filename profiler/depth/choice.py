"""Which depths of a model are measured, found before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backends.common.errors import InputError, MemoryFitError
from backends.contract.registry import is_compiler
from backends.qwen.model import Model, ModelSpec
from backends.qwen.routing import replaying
from backends.qwen.synthetic import synthetic_model
from profiler.run.request import Request, hindrance, shortage

LARGEST_SHARE = 2
"""At most one layer in this many is measured: past that, the whole model costs little more than its samples."""

_LONGEST_PERIOD = 16


@dataclass(frozen=True, slots=True)
class Depths:
    """Numbers of layers: the line goes through two, and a third checks it where it fits in memory."""

    line: tuple[int, int]
    check: int | None = None

    @property
    def all(self) -> tuple[int, ...]:
        """Every depth, the shallowest first."""
        return tuple(sorted((*self.line, *(() if self.check is None else (self.check,)))))


def pattern(spec: ModelSpec) -> tuple[int, int]:
    """Return ``(head, period)``: after ``head`` layers that count with the ends, the layers repeat in whole periods."""
    layers = spec.all_layers()

    def head(period: int) -> int:
        breaks = [at + 1 for at in range(len(layers) - period) if layers[at] != layers[at + period]]
        first = max(breaks, default=0)
        return first + (len(layers) - first) % period

    period = min(range(1, min(_LONGEST_PERIOD, len(layers)) + 1), key=lambda size: (head(size) + size, head(size)))
    return head(period), period


def choose_depths(request: Request) -> Depths:
    """Return the depths for ``request``, whose model is whole.

    The line goes through one period and two thirds of what fits, and all that fits is its check. Where only two periods
    fit, the ends without a period are the check; where one does, the line goes through the ends and that period.

    Raises:
        InputError: The model has no layers to leave away, or a target is a vendor's compiler.
        MemoryFitError: One period does not fit in memory.
        UnavailableError: No target can run here, whatever the depth.
    """
    spec = request.model.spec
    _check(request)
    head, period = pattern(spec)
    periods = (spec.layers - head) // period
    if periods < 2:
        raise InputError(
            f"--layers auto: {spec.name} has {spec.layers} layers, which are too few to extend; leave --layers away"
        )
    least = at_depth(request, head + period)
    hindrances = {target: hindrance(target, least) for target in request.targets}
    able = [target for target, found in hindrances.items() if found is None]
    if not able:
        first = next(found for found in hindrances.values() if found is not None)
        if isinstance(first, MemoryFitError):
            why = str(first).rpartition("; ")[0]  # its advice names --layers
            raise MemoryFitError(
                f"--layers auto needs one period of {spec.name} in memory, {head + period} layers, and {why}; use a "
                "smaller model, another --dtype, or a shorter workload"
            )
        raise first

    def fits(count: int) -> bool:
        cut = at_depth(request, head + count * period)
        return not any(shortage(target, cut) for target in able)

    most, above = 1, max(1, periods // LARGEST_SHARE) + 1
    while above - most > 1:
        middle = (most + above) // 2
        most, above = (middle, above) if fits(middle) else (most, middle)
    at = [head + count * period for count in (0, 1, max(2, round(2 * most / 3)), most)]
    if most == 1:
        return Depths((at[0], at[1]))
    return Depths((at[1], at[2]), at[0] if most == 2 else at[3])


def _check(request: Request) -> None:
    spec = request.model.spec
    if request.model.checkpoint:
        raise InputError("--layers works on presets only: a checkpoint is run whole")
    for target in request.targets:
        if is_compiler(target.backend):
            raise InputError(
                f"--layers auto: {target.id} is computed from one layer already, and runs nothing; profile it apart, "
                "without --layers"
            )
    if request.record_routing is not None:
        raise InputError(f"--record-routing: --layers auto runs only some layers of {spec.name}; leave it away")


def at_depth(request: Request, layers: int) -> Request:
    """Return ``request`` for the model cut to ``layers``; targets run one after the other."""
    command = request.command.replace("--layers auto", f"--layers {layers}")
    command = command.replace("--layers=auto", f"--layers={layers}")
    return replace(request, model=_cut(request, layers), command=command, one_by_one=True)


def _cut(request: Request, layers: int) -> Model:
    model = synthetic_model(request.model.spec.with_layers(layers), request.model.seed)
    if (routing := request.model.routing) is None:
        return model
    return replaying(model, Path(routing.path), request.workload.batch, request.workload.total_tokens - 1)
