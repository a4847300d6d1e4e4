"""The target ``nncase:k230``: what Canaan's tools say of a K230 that is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.contract.backend import Availability, CompilerPath, Execution, Progress
from backends.contract.compiled import Compiled, Examination
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec

if TYPE_CHECKING:
    from pathlib import Path

    from backends.operators import OperatorPlacement
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.canaan.listing import Listing

TOOLCHAIN = "nncase"

CHIPS = {"k230": "canaan-k230"}
"""Device -> the catalogue's chip."""

SCRATCH_COPIES = 4
"""Files the size of a graph's float32 weights that exist at once: two exports of the largest, the others, a kmodel."""

MEMORY_COPIES = {"float32": 8, "int8": 22}
"""The same in memory, compiler and our own: nncase alone took 4.6 and 11.7 GB for the 0.62 GB of Qwen3-0.6B's head."""

NO_TIME = "nncase gives no cycles, times or traffic, so no speed is told"


class Nncase(CompilerPath):
    """nncase: compiled and simulated a layer at a time; it gives no times.

    The default is float32, as nncase compiles where nobody asks it to quantise: it says whether a model compiles
    rightly, within minutes. The KPU takes integers only: ``@int8`` has 8-bit weights and 16-bit activations, as the
    project's int8 has everywhere, and calibrating a layer of Qwen3-0.6B takes many minutes.
    """

    name = TOOLCHAIN
    summary = "Canaan's compiler and simulator, without the chip"
    precisions = ("float32", "int8")
    default_precision = "float32"

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where nncase is installed, for a chip it compiles for; an empty ``device`` asks for the tool."""
        from backends.toolchains import availability_of, find_toolchain

        if device and (reason := _why_not(device)):
            return Availability(False, reason, f"choose {TOOLCHAIN}:{next(iter(CHIPS))}")
        return availability_of(find_toolchain(TOOLCHAIN))

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """A target without a chip."""
        reason = _why_not(device)
        return f"{reason}; choose {TOOLCHAIN}:{next(iter(CHIPS))}" if reason else ""

    @classmethod
    def chip(cls, device: str) -> str:
        """Empty for a chip that is not in the catalogue."""
        return CHIPS.get(device.lower(), "")

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """The KPU multiplies integers."""
        return precision

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Of the host: the largest graph's float32 weights, as often as they are held at once."""
        return 10**9 + MEMORY_COPIES[precision] * _largest_graph_bytes(spec)

    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Compile one layer in prefill and in decode and the head, and simulate them in a chain."""
        from backends.toolchains import environment_of, find_toolchain
        from backends.vendors.base.driven import Driver
        from backends.vendors.base.layerwise import DECODE_STEPS, compile_and_simulate
        from backends.vendors.base.scratch import scratch_folder
        from backends.vendors.canaan.tool import DRIVER, NncaseTool

        environment = environment_of(find_toolchain(TOOLCHAIN))
        spec, version = execution.model.spec, environment.toolchain.version
        tool = NncaseTool(Driver(environment, DRIVER, progress), execution.device.lower(), execution.precision)
        with scratch_folder(TOOLCHAIN, SCRATCH_COPIES * _largest_graph_bytes(spec)) as folder:
            found = compile_and_simulate(tool, execution, workload, folder, progress)
            operators = _operators(found, folder, tool.listings, execution, workload, version)
        steps = min(DECODE_STEPS, workload.output_tokens - 1)
        on_kpu = any(listing.computes_on_kpu for listing in tool.listings.values())
        return Examination(
            Compiled(
                toolchain=TOOLCHAIN,
                version=version,
                chip_id=self.chip(execution.device),
                arithmetic="uint8 weights, int16 activations" if on_kpu else "float32",
                layers=spec.layers,
                graphs=found.graphs,
                simulator=f"the simulator of nncase {version}: K230's CPU, and its KPU instruction by instruction"
                if on_kpu
                else f"the simulator of nncase {version}: K230's CPU alone, its KPU has no part in float32",
                parity_scope=f"the model cut to its first layer: prefill and {steps} decode steps, on given tokens",
                gaps=(NO_TIME,)
                if on_kpu
                else (
                    NO_TIME,
                    "in float32 the KPU does nothing, the K230's CPU does it all: nncase:k230@int8 is for the KPU",
                ),
                packages=environment.packages(),
            ),
            operators,
            found.logits,
            found.expected,
        )


def _why_not(device: str) -> str:
    if not device:
        return "nncase compiles for a chip, and none is named"
    return "" if device.lower() in CHIPS else f"nncase compiles for no chip {device!r} (known: {', '.join(CHIPS)})"


def _operators(
    found: Layerwise, folder: Path, listings: dict[str, Listing], execution: Execution, workload: Workload, version: str
) -> tuple[OperatorPlacement, ...]:
    from backends.operators import Place
    from backends.vendors.base.placing import place_graph, whole_model

    source = f"nncase {version}'s listing of the last pass"
    kpu = Place("accelerator", "compiled", source, "on the KPU, alone or taken into another of its operators")
    cpu = Place("host", "compiled", source, "interpreted by the K230's own CPU")
    graphs = []
    for one in found.graphs:
        listing, graph = listings[one.name], folder / f"{one.name}.onnx"
        elsewhere = kpu if listing.computes_on_kpu else cpu
        graphs.append(
            place_graph(graph, listing.host, elsewhere, lambda _: cpu, execution.precision, one.phases, one.copies)
        )
    return whole_model(graphs, execution.model.spec, workload, execution.precision)


def _largest_graph_bytes(spec: ModelSpec) -> int:
    """Float32 weights of the head or of a layer, whichever is larger."""
    return 4 * max(spec.embedding_parameters, spec.layer_matmul_parameters)
