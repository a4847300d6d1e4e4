"""The targets ``rknn:rk3588``, ``rknn:rk3576`` and others: what Rockchip's tools report for an absent NPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.contract.backend import Execution, Progress
from backends.contract.workload import Workload
from backends.toolchains import ToolEnvironment
from backends.vendors.base.path import LayerwisePath
from backends.vendors.rockchip.platforms import ARITHMETIC, PLATFORMS, PRECISIONS

if TYPE_CHECKING:
    from pathlib import Path

    from backends.operators import OperatorPlacement, Place
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.base.placing import HostRow
    from backends.vendors.rockchip.tool import RknnTool


class Rknn(LayerwisePath["RknnTool"]):
    """rknn-toolkit2: built and simulated a layer at a time; its cycles are too few to give a time."""

    name = "rknn"
    summary = "Rockchip's compiler and simulator, without the chip"
    toolchain = "rknn-toolkit2"
    chips = PLATFORMS
    precisions = tuple(PRECISIONS)
    default_precision = "float16"
    scratch_copies = 5
    memory_copies = dict.fromkeys(PRECISIONS, 9)

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Four-bit weights multiply float16."""
        return "float16" if precision == "int4" else precision

    def tool(self, environment: ToolEnvironment, execution: Execution, progress: Progress) -> RknnTool:
        """Return the compiler and simulator for one platform."""
        from backends.vendors.base.driven import Driver
        from backends.vendors.rockchip.tool import DRIVER, RknnTool

        return RknnTool(Driver(environment, DRIVER, progress), execution.device.lower(), execution.precision)

    def origins(self, tool: RknnTool, execution: Execution, version: str) -> dict[str, object]:
        """Return what its simulator is, and that it gives no time."""
        rows = sum(len(report.rows) for report in tool.reports.values())
        timed = sum(len(report.timed) for report in tool.reports.values())
        return {
            "arithmetic": ARITHMETIC[execution.precision],
            "simulator": f"the PC simulator of rknn-toolkit2 {version}: the optimised graph in ONNX Runtime, rounded "
            "to the NPU's types; not the NPU's instructions",
            "gaps": (
                f"rknn-toolkit2 gives cycles for {timed} of {rows} operators (products only) and no clock, so no speed "
                "follows",
            ),
        }

    def operators(
        self, tool: RknnTool, result: Layerwise, folder: Path, execution: Execution, workload: Workload, version: str
    ) -> tuple[OperatorPlacement, ...]:
        """Read the compiler's table; what it leaves to the CPU counts only if Rockchip's published list has it."""
        from backends.operators import Place
        from backends.operators.support import find_support
        from backends.vendors.base.placing import place_graph, whole_model
        from backends.vendors.rockchip.table import FUSED

        source = f"rknn-toolkit2 {version}'s table of operators"
        used = sorted({row.operator for report in tool.reports.values() for row in report.rows} & set(FUSED))
        fused = "; ".join(f"{name} is {FUSED[name]}" for name in used)
        npu = Place(
            "accelerator", "compiled", source, "alone or taken into another operator" + (f": {fused}" * bool(fused))
        )
        declared = find_support(self.name)[0].mode("", execution.precision).declared

        def cpu(row: HostRow) -> Place:
            if declared is not None and any(declared.holds(name) for name in row.onnx):
                return Place("host", "compiled", source, f"{row.operator} on the chip's CPU")
            why = "accepted for the CPU, but not in Rockchip's published list of operators: nothing shows that it runs"
            return Place("rejected", "compiled", source, f"{row.operator}: {why}")

        graphs = []
        for graph in result.graphs:
            rows = [row.host_row for row in tool.reports[graph.name].host]
            file = folder / f"{graph.name}.onnx"
            graphs.append(place_graph(file, rows, npu, cpu, execution.precision, graph.phases, graph.copies))
        return whole_model(graphs, execution.model.spec, workload, execution.precision)
