"""The target ``nncase:k230``: what Canaan's tools report for a K230 that is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from backends.contract.backend import Execution, Progress
from backends.contract.workload import Workload
from backends.toolchains import ToolEnvironment
from backends.vendors.base.path import Chip, LayerwisePath

if TYPE_CHECKING:
    from pathlib import Path

    from backends.operators import OperatorPlacement
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.canaan.tool import NncaseTool

NO_TIME = "nncase gives no cycles, times or traffic, so no speed follows"
NO_KPU = "in float32 the KPU does nothing, the K230's CPU does it all: nncase:k230@int8 is for the KPU"


class Nncase(LayerwisePath["NncaseTool"]):
    """nncase: compiled and simulated a layer at a time; it gives no times.

    The default is float32, as nncase compiles where nobody asks it to quantise: it shows within minutes whether a
    model compiles rightly. The KPU takes integers only: ``@int8`` has 8-bit weights and 16-bit activations, as the
    project's int8 has everywhere, and calibrating a layer of Qwen3-0.6B takes many minutes.
    """

    name = "nncase"
    summary = "Canaan's compiler and simulator, without the chip"
    toolchain = "nncase"
    chips: ClassVar = {"k230": Chip("k230", "canaan-k230")}
    precisions = ("float32", "int8")
    default_precision = "float32"
    scratch_copies = 4
    # nncase alone took 4.6 and 11.7 GB for the 0.62 GB of Qwen3-0.6B's head.
    memory_copies: ClassVar = {"float32": 8, "int8": 22}

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """The KPU multiplies integers."""
        return precision

    def tool(self, environment: ToolEnvironment, execution: Execution, progress: Progress) -> NncaseTool:
        """Return the compiler and simulator for one chip."""
        from backends.vendors.base.driven import Driver
        from backends.vendors.canaan.tool import DRIVER, NncaseTool

        return NncaseTool(Driver(environment, DRIVER, progress), execution.device.lower(), execution.precision)

    def origins(self, tool: NncaseTool, execution: Execution, version: str) -> dict[str, object]:
        """Return what its simulator computed with, and that it gives no time."""
        simulator = f"the simulator of nncase {version}: K230's CPU"
        if tool.computes_on_kpu:
            return {
                "arithmetic": "uint8 weights, int16 activations",
                "simulator": f"{simulator}, and its KPU instruction by instruction",
                "gaps": (NO_TIME,),
            }
        return {
            "arithmetic": "float32",
            "simulator": f"{simulator} alone, its KPU has no part in float32",
            "gaps": (NO_TIME, NO_KPU),
        }

    def operators(
        self, tool: NncaseTool, result: Layerwise, folder: Path, execution: Execution, workload: Workload, version: str
    ) -> tuple[OperatorPlacement, ...]:
        """Read the listing of the compiler's last pass."""
        from backends.operators import Place
        from backends.vendors.base.placing import place_graph, whole_model

        source = f"nncase {version}'s listing of the last pass"
        kpu = Place("accelerator", "compiled", source, "on the KPU, alone or taken into another of its operators")
        cpu = Place("host", "compiled", source, "interpreted by the K230's own CPU")
        graphs = []
        for graph in result.graphs:
            listing, file = tool.listings[graph.name], folder / f"{graph.name}.onnx"
            rest = kpu if listing.computes_on_kpu else cpu
            graphs.append(
                place_graph(file, listing.host, rest, lambda _: cpu, execution.precision, graph.phases, graph.copies)
            )
        return whole_model(graphs, execution.model.spec, workload, execution.precision)
