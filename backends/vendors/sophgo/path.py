"""The targets ``tpu-mlir:bm1684x``, ``tpu-mlir:bm1688``, ...: what Sophgo's tools say of a chip that is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.contract.backend import Availability, CompilerPath, Execution, Progress
from backends.contract.compiled import Compiled, Examination
from backends.contract.workload import Workload
from backends.operators import OperatorPlacement
from backends.qwen.model import ModelSpec
from backends.vendors.sophgo.chips import CHIPS, PRECISIONS, why_not

if TYPE_CHECKING:
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.sophgo.tool import TpuMlirTool

TOOLCHAIN = "tpu-mlir"

GAPS = (
    "the time between graphs and the host's part (embedding look-up, choice of the token) are not in it",
    "memory holds no embedding table, which stays with the host",
)

SCRATCH_COPIES = 8
"""Files the size of a graph's float32 weights that exist at once: two exports, and what the compiler makes of one."""

MEMORY_COPIES = 13
"""The same in memory, of the worker and the compiler together: 8.5 GB were seen for qwen3-0.6b, whose head has 0.62."""

ENGINE_BYTES = 1_500_000_000
"""Interpreters and libraries of both."""


class TpuMlir(CompilerPath):
    """tpu-mlir: compiled and simulated a layer at a time, timed by the compiler's schedule."""

    name = TOOLCHAIN
    summary = "Sophgo's compiler, simulator and schedule, without the chip"
    precisions = tuple(PRECISIONS)
    default_precision = "float16"

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where tpu-mlir is installed, for a chip it works for; an empty ``device`` asks for the tool."""
        from backends.toolchains import availability_of, find_toolchain

        if device and (reason := why_not(device)):
            return Availability(False, reason, f"choose another chip, such as {TOOLCHAIN}:{next(iter(CHIPS))}")
        return availability_of(find_toolchain(TOOLCHAIN))

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """A target without a chip, and precisions that the chip or the compiler lacks."""
        if reason := why_not(device):
            return f"{reason}; name one, such as {TOOLCHAIN}:{next(iter(CHIPS))}"
        return CHIPS[device.lower()].lacks.get(precision, "")

    @classmethod
    def chip(cls, device: str) -> str:
        """Empty for a chip that is not in the catalogue."""
        known = CHIPS.get(device.lower())
        return known.catalogue_id if known else ""

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Every chip that the compiler is known to work for."""
        return tuple(CHIPS)

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Quantised weights multiply float16."""
        return "float16" if precision in ("int8", "int4") else precision

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Of the host: the largest graph's float32 weights, as often as they are held at once."""
        return ENGINE_BYTES + MEMORY_COPIES * _largest_graph_bytes(spec)

    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Compile one layer in prefill and in decode and the head, simulate them in a chain, read the schedules."""
        from backends.toolchains import environment_of, find_toolchain
        from backends.vendors.base.layerwise import DECODE_STEPS, compile_and_simulate
        from backends.vendors.base.scratch import scratch_folder
        from backends.vendors.sophgo.commands import Commands
        from backends.vendors.sophgo.tool import TpuMlirTool

        environment = environment_of(find_toolchain(TOOLCHAIN))
        spec, chip = execution.model.spec, CHIPS[execution.device.lower()]
        tool = TpuMlirTool(Commands(environment, progress), chip, execution.precision)
        with scratch_folder(TOOLCHAIN, SCRATCH_COPIES * _largest_graph_bytes(spec)) as folder:
            found = compile_and_simulate(tool, execution, workload, folder, progress)
            operators = _operators(tool, found, execution, workload)
        version = next(iter(tool.compiled.values())).info.compiler
        steps = min(DECODE_STEPS, workload.output_tokens - 1)
        compiled = Compiled(
            toolchain=TOOLCHAIN,
            version=version,
            chip_id=chip.catalogue_id,
            arithmetic=self.arithmetic(execution.precision),
            layers=spec.layers,
            graphs=found.graphs,
            timing=f"the static schedule of tpu-mlir {version} for {chip.name}",
            simulator=f"the functional simulator (cmodel) of tpu-mlir {version} for {chip.name}",
            parity_scope=_scope(steps, found.unsimulated),
            gaps=GAPS,
            packages=environment.packages(),
        )
        return Examination(compiled, operators, found.logits, found.expected)


def _scope(steps: int, unsimulated: dict[str, str]) -> str:
    scope = f"the model cut to its first layer: prefill and {steps} decode steps, on given tokens"
    left_out = [f"{name} is not simulated ({reason}), ONNX Runtime stood in" for name, reason in unsimulated.items()]
    return "; ".join([scope, *left_out])


def _operators(
    tool: TpuMlirTool, found: Layerwise, execution: Execution, workload: Workload
) -> tuple[OperatorPlacement, ...]:
    import onnx_ir as ir

    from backends.operators.count import count_graph, element_bytes
    from backends.vendors.base.placing import embedding_lookup
    from backends.vendors.sophgo.placement import PlacedGraph, place_nodes, summarise

    sizes = element_bytes(execution.precision)
    placed = []
    for graph in found.graphs:
        compiled = tool.compiled[graph.name]
        model = ir.load(compiled.onnx)
        nodes = place_nodes(model, compiled.operators)
        placed.append(PlacedGraph(graph.phases, graph.copies, nodes, count_graph(model, *sizes)))
    version = next(iter(tool.compiled.values())).info.compiler
    source = f"operator table of tpu-mlir {version} (final MLIR)"
    return (*embedding_lookup(execution.model.spec, workload, sizes[0]), *summarise(placed, source))


def _largest_graph_bytes(spec: ModelSpec) -> int:
    """Float32 weights of the head or of a layer, whichever is larger."""
    return 4 * max(spec.embedding_parameters, spec.layer_matmul_parameters)
