"""Raw figures from a vendor's compiler, simulator or model for a chip that is not in this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from backends.operators import OperatorPlacement

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class CompiledGraph:
    """One graph, as the vendor's tools report it. None if a tool has no such figure.

    ``part`` and ``phase`` say what it is: a decoder layer or the head, in prefill, decode, or both alike. ``copies`` is
    how often the model has it. ``duration_s``, ``cycles`` and ``dram_bytes`` are one execution by the tool's own
    schedule or model; ``weight_bytes`` and ``working_bytes`` its plan of the device's memory. ``max_abs_error`` and
    ``cosine`` compare the simulator's outputs with ONNX Runtime's float32 on the same inputs (the worst output counts),
    whose largest value is ``reference_abs_max``.
    """

    name: str
    part: Literal["layer", "head", "whole"]
    phases: tuple[Literal["prefill", "decode"], ...]
    copies: int
    compile_s: float | None = None
    simulate_s: float | None = None
    artefact_bytes: int | None = None
    duration_s: float | None = None
    cycles: int | None = None
    dram_bytes: int | None = None
    weight_bytes: int | None = None
    working_bytes: int | None = None
    max_abs_error: float | None = None
    cosine: float | None = None
    reference_abs_max: float | None = None
    rewrites: dict[str, int] = field(default_factory=dict)
    """Rewrite -> how many places it changed."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model on a chip that is not in this machine, as the vendor's tools report it.

    ``chip_id`` is the catalogue's. ``layers`` is the depth the figures are scaled to. ``timing`` says what times are (a
    static schedule, an operator model), empty if the tool gives none; ``simulator`` what computed the simulated
    outputs. ``parity_scope`` says what was compared with the float32 reference. ``gaps`` are what the figures leave
    out, one sentence each.
    """

    toolchain: str
    version: str
    chip_id: str
    arithmetic: str
    layers: int
    graphs: tuple[CompiledGraph, ...]
    timing: str = ""
    simulator: str = ""
    parity_scope: str = ""
    gaps: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of :meth:`~backends.contract.backend.CompilerPath.examine`.

    ``logits`` and ``expected`` are float32 ``[batch, positions, vocab_size]`` of the simulator and of the float32
    reference on the same tokens; None if nothing is simulated.
    """

    compiled: Compiled
    operators: tuple[OperatorPlacement, ...]
    logits: np.ndarray | None = None
    expected: np.ndarray | None = None
