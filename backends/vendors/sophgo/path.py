"""The targets ``tpu-mlir:bm1684x``, ``tpu-mlir:bm1688`` and others: what Sophgo's tools report for an absent chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.contract.backend import Execution, Progress
from backends.contract.workload import Workload
from backends.toolchains import ToolEnvironment
from backends.vendors.base.path import LayerwisePath
from backends.vendors.sophgo.chips import CHIPS, PRECISIONS, REFUSED

if TYPE_CHECKING:
    from pathlib import Path

    from backends.operators import OperatorPlacement
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.sophgo.tool import TpuMlirTool

GAPS = (
    "the time between graphs and the host's part (embedding look-up, choice of the token) are not in it",
    "memory holds no embedding table, which stays with the host",
)


class TpuMlir(LayerwisePath["TpuMlirTool"]):
    """tpu-mlir: compiled and simulated a layer at a time, timed by the compiler's schedule."""

    name = "tpu-mlir"
    summary = "Sophgo's compiler, simulator and schedule, without the chip"
    toolchain = "tpu-mlir"
    chips = CHIPS
    refused = REFUSED
    precisions = tuple(PRECISIONS)
    default_precision = "float16"
    scratch_copies = 8
    # 8.5 GB were seen for qwen3-0.6b, whose head has 0.62.
    memory_copies = dict.fromkeys(PRECISIONS, 13)
    engine_bytes = 1_500_000_000

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Quantised weights multiply float16."""
        return "float16" if precision in ("int8", "int4") else precision

    def tool(self, environment: ToolEnvironment, execution: Execution, progress: Progress) -> TpuMlirTool:
        """Return the compiler and simulator for one chip."""
        from backends.vendors.sophgo.commands import Commands
        from backends.vendors.sophgo.tool import TpuMlirTool

        chip = CHIPS[execution.device.lower()]
        return TpuMlirTool(Commands(environment, progress), chip, execution.precision)

    def origins(self, tool: TpuMlirTool, execution: Execution, version: str) -> dict[str, object]:
        """Return where its times and its logits come from; the version is the one in the compiled model."""
        chip = execution.device.lower()
        return {
            "version": tool.version,
            "timing": f"the static schedule of tpu-mlir {tool.version} for {chip}",
            "simulator": f"the functional simulator (cmodel) of tpu-mlir {tool.version} for {chip}",
            "gaps": GAPS,
        }

    def operators(
        self, tool: TpuMlirTool, result: Layerwise, folder: Path, execution: Execution, workload: Workload, version: str
    ) -> tuple[OperatorPlacement, ...]:
        """Read the final MLIR of every graph."""
        import onnx_ir as ir

        from backends.operators.count import count_graph, element_bytes
        from backends.vendors.base.placing import embedding_lookup
        from backends.vendors.sophgo.placement import PlacedGraph, place_nodes, summarise

        sizes = element_bytes(execution.precision)
        placed = []
        for graph in result.graphs:
            compiled = tool.compiled[graph.name]
            model = ir.load(compiled.onnx)
            nodes = place_nodes(model, compiled.operators)
            placed.append(PlacedGraph(graph.phases, graph.copies, nodes, count_graph(model, *sizes)))
        source = f"operator table of tpu-mlir {tool.version} (final MLIR)"
        return (*embedding_lookup(execution.model.spec, workload, sizes[0]), *summarise(placed, source))
