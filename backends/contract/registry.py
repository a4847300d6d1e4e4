"""Target names, and the backends behind them: found through the ``chipassay.backends`` entry-point group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from backends.common.errors import ChipassayError, InputError, UnavailableError, unknown
from backends.contract.backend import Backend, CompilerPath, ExecutionPath

GROUP = "chipassay.backends"


@dataclass(frozen=True, slots=True)
class Target:
    """One execution path: ``backend[:device][@precision]``."""

    backend: str
    device: str
    precision: str

    @property
    def id(self) -> str:
        """The name that records, tables and files use; always with its precision."""
        device = f":{self.device}" if self.device else ""
        return f"{self.backend}{device}@{self.precision}"


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def backend_names() -> list[str]:
    """Return the names of all registered backends, sorted."""
    return sorted(_entry_points())


def load_backend(name: str) -> type[ExecutionPath]:
    """Return the class registered as ``name``, without importing its engine."""
    points = _entry_points()
    if name not in points:
        raise unknown("target", name, points)
    try:
        return points[name].load()
    except Exception as error:
        raise UnavailableError(f"backend {name!r} ({points[name].value}) cannot be imported: {error}") from error


def load_running(name: str) -> type[Backend]:
    """Return the class registered as ``name``, which must be one that runs the model."""
    backend = load_backend(name)
    if not issubclass(backend, Backend):
        raise InputError(f"{name} runs nothing: it drives its vendor's compiler; name a target that executes here")
    return backend


def is_compiler(name: str) -> bool:
    """Return whether ``name`` drives a vendor's compiler instead of running the model."""
    return issubclass(load_backend(name), CompilerPath)


def asked_chip(target: Target) -> str | None:
    """Return the catalogue's id of the chip that a vendor's tools simulate for ``target``, "" if it has none.

    None means that the target runs on hardware.
    """
    path = load_backend(target.backend)
    if not issubclass(path, CompilerPath):
        return None
    try:
        return path.chip(target.device)
    except ChipassayError:
        return ""  # the path rejects an unknown device itself, with its reason, once it runs


def parse_target(text: str, default_precision: str | None) -> Target:
    """Read ``backend[:device][@precision]`` and check the backend and the precision it offers.

    Without ``default_precision`` a target that names none gets the default of its backend.
    """
    path, at, precision = text.partition("@")
    name, _, device = path.partition(":")
    backend = load_backend(name)
    wanted = precision if at else default_precision or backend.default_precision
    if wanted not in backend.precisions:
        raise unknown(f"precision for {name}", wanted, backend.precisions)
    return Target(name, device, wanted)
