"""What vendors' compiler paths share: the chips a target may name, the installed toolchain, a layer at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from backends.common.errors import unknown
from backends.contract.backend import Availability, CompilerPath, Execution, Progress
from backends.contract.compiled import Compiled, Examination
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from backends.toolchains import ToolEnvironment, availability_of, environment_of, find_toolchain

if TYPE_CHECKING:
    from backends.operators import OperatorPlacement
    from backends.vendors.base.layerwise import Layerwise, VendorTool

Tool = TypeVar("Tool", bound="VendorTool")


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip by the compiler's name, which is also the target's device.

    ``catalogue_id`` is empty where the catalogue of chips does not have it. ``lacks`` are precisions it cannot run,
    with the reason.
    """

    name: str
    catalogue_id: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)


class VendorPath(CompilerPath):
    """A vendor's tool, for the chips it works for."""

    toolchain: ClassVar[str]
    chips: ClassVar[Mapping[str, Chip]]
    refused: ClassVar[Mapping[str, str]] = {}
    """Chips that the tool names and does not work for, with the reason."""

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Return whether the toolchain is installed and works for ``device``; an empty one asks for the tool alone."""
        if device and (reason := cls.why_not(device)):
            return Availability(False, reason, f"choose another chip, such as {cls.name}:{next(iter(cls.chips))}")
        return availability_of(find_toolchain(cls.toolchain))

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """Refuse a target without a chip, and precisions that the chip or the compiler lacks."""
        if reason := cls.why_not(device):
            return f"{reason}; name one, such as {cls.name}:{next(iter(cls.chips))}"
        return cls.chips[device.lower()].lacks.get(precision, "")

    @classmethod
    def chip(cls, device: str) -> str:
        """Return the catalogue's id of a chip, empty if the catalogue does not have it."""
        if device.lower() not in cls.chips:
            raise unknown("chip", device, cls.chips)
        return cls.chips[device.lower()].catalogue_id

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return every chip that the tool is known to work for."""
        return tuple(cls.chips)

    @classmethod
    def why_not(cls, device: str) -> str:
        """Return why ``device`` is no chip to ask about, or nothing; with the nearest name where it is misspelt."""
        name = device.lower()
        if name in cls.chips or name in cls.refused:
            return cls.refused.get(name, "")
        if not name:
            return f"it names no chip: known are {', '.join(cls.chips)}"
        return str(unknown(f"chip for {cls.toolchain}", device, cls.chips))


class LayerwisePath(VendorPath, Generic[Tool]):
    """A compiler and simulator that work on one layer in prefill and in decode and the head, in a chain."""

    scratch_copies: ClassVar[int]
    """Files the size of a graph's float32 weights that exist at once."""

    memory_copies: ClassVar[Mapping[str, int]]
    """Precision -> the same in memory, of the worker and the vendor's processes together."""

    engine_bytes: ClassVar[int] = 10**9
    """Interpreters and libraries of both."""

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Return the host's memory: the largest graph's float32 weights, as often as they are held at once."""
        return cls.engine_bytes + cls.memory_copies[precision] * largest_graph_bytes(spec)

    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Compile one layer in prefill and in decode and the head, and simulate them in a chain."""
        from backends.vendors.base.layerwise import DECODE_STEPS, compile_and_simulate
        from backends.vendors.base.scratch import scratch_folder

        environment = environment_of(find_toolchain(self.toolchain))
        spec = execution.model.spec
        tool = self.tool(environment, execution, progress)
        with scratch_folder(self.name, self.scratch_copies * largest_graph_bytes(spec)) as folder, closing(tool):
            result = compile_and_simulate(tool, execution, workload, folder, progress)
            version = environment.toolchain.version
            operators = self.operators(tool, result, folder, execution, workload, version)
        steps = min(DECODE_STEPS, workload.output_tokens - 1)
        scope = f"the model cut to its first layer: prefill and {steps} decode steps, on given tokens"
        for name, reason in result.unsimulated.items():
            scope += f"; {name} is not simulated ({reason}), ONNX Runtime stood in"
        compiled = Compiled(
            toolchain=self.toolchain,
            version=version,
            chip_id=self.chip(execution.device),
            arithmetic=self.arithmetic(execution.precision),
            layers=spec.layers,
            graphs=result.graphs,
            parity_scope=scope,
            packages=environment.packages(),
        )
        compiled = replace(compiled, **self.origins(tool, execution, version))  # type: ignore[arg-type]
        return Examination(compiled, operators, result.logits, result.expected)

    @abstractmethod
    def tool(self, environment: ToolEnvironment, execution: Execution, progress: Progress) -> Tool:
        """Return the vendor's tool for ``execution``."""

    @abstractmethod
    def origins(self, tool: Tool, execution: Execution, version: str) -> dict[str, object]:
        """Return further fields of :class:`Compiled`: where time and logits come from, and what is missing."""

    @abstractmethod
    def operators(
        self, tool: Tool, result: Layerwise, folder: Path, execution: Execution, workload: Workload, version: str
    ) -> tuple[OperatorPlacement, ...]:
        """Return where each operator of the whole model runs."""


def largest_graph_bytes(spec: ModelSpec) -> int:
    """Return the float32 weights of the head or of a layer, whichever is larger."""
    return 4 * max(spec.embedding_parameters, spec.layer_matmul_parameters)
