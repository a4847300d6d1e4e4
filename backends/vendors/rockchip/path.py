"""The targets ``rknn:rk3588``, ``rknn:rk3576``, ...: what Rockchip's tools say of an NPU that is not here."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from backends.contract.backend import Availability, CompilerPath, Execution, Progress
from backends.contract.compiled import Compiled, Examination
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from backends.vendors.rockchip.platforms import ARITHMETIC, PLATFORMS, PRECISIONS, why_not

if TYPE_CHECKING:
    from pathlib import Path

    from backends.operators import OperatorPlacement, Place
    from backends.vendors.base.layerwise import Layerwise
    from backends.vendors.base.placing import HostRow
    from backends.vendors.rockchip.table import Report

TOOLCHAIN = "rknn-toolkit2"

SCRATCH_COPIES = 5
"""Files the size of a graph's float32 weights that exist at once."""

MEMORY_COPIES = 9
"""The same in memory, the tool's processes and our own."""


class Rknn(CompilerPath):
    """rknn-toolkit2: built and simulated a layer at a time; its cycles are too few to tell a time."""

    name = "rknn"
    summary = "Rockchip's compiler and simulator, without the chip"
    precisions = tuple(PRECISIONS)
    default_precision = "float16"

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where rknn-toolkit2 is installed; an empty ``device`` asks for the tool."""
        from backends.toolchains import availability_of, find_toolchain

        if device and (reason := why_not(device)):
            return Availability(False, reason, f"choose another, such as rknn:{next(iter(PLATFORMS))}")
        return availability_of(find_toolchain(TOOLCHAIN))

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """A target without a platform, and int4 where the compiler has none."""
        if reason := why_not(device):
            return f"{reason}; name one, such as rknn:{next(iter(PLATFORMS))}"
        if precision == "int4" and not PLATFORMS[device.lower()].int4:
            have = ", ".join(f"rknn:{platform.name}" for platform in PLATFORMS.values() if platform.int4)
            return f"rknn-toolkit2 has no four-bit weights (w4a16) for {device.lower()}; choose @int8, or one of {have}"
        return ""

    @classmethod
    def chip(cls, device: str) -> str:
        """Empty for a chip that is not in the catalogue."""
        known = PLATFORMS.get(device.lower())
        return known.catalogue_id if known else ""

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Four-bit weights multiply float16."""
        return "float16" if precision == "int4" else precision

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Of the host: the largest graph's float32 weights, as often as they are held at once."""
        return 10**9 + MEMORY_COPIES * _largest_graph_bytes(spec)

    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Build one layer in prefill and in decode and the head, and simulate them in a chain."""
        from backends.toolchains import environment_of, find_toolchain
        from backends.vendors.base.driven import Driver
        from backends.vendors.base.layerwise import DECODE_STEPS, compile_and_simulate
        from backends.vendors.base.scratch import scratch_folder
        from backends.vendors.rockchip.tool import DRIVER, RknnTool

        environment = environment_of(find_toolchain(TOOLCHAIN))
        spec, version = execution.model.spec, environment.toolchain.version
        platform = PLATFORMS[execution.device.lower()]
        tool = RknnTool(Driver(environment, DRIVER, progress), platform, execution.precision)
        with scratch_folder("rknn", SCRATCH_COPIES * _largest_graph_bytes(spec)) as folder, closing(tool):
            found = compile_and_simulate(tool, execution, workload, folder, progress)
            operators = _operators(found, folder, tool.reports, execution, workload, version)
        steps = min(DECODE_STEPS, workload.output_tokens - 1)
        return Examination(
            Compiled(
                toolchain=TOOLCHAIN,
                version=version,
                chip_id=platform.catalogue_id,
                arithmetic=ARITHMETIC[execution.precision],
                layers=spec.layers,
                graphs=found.graphs,
                simulator=f"the PC simulator of rknn-toolkit2 {version}: the optimised graph in ONNX Runtime, rounded "
                "to the NPU's types; not the NPU's instructions",
                parity_scope=f"the model cut to its first layer: prefill and {steps} decode steps, on given tokens",
                gaps=(_no_time(tool.reports),),
                packages=environment.packages(),
            ),
            operators,
            found.logits,
            found.expected,
        )


def _no_time(reports: dict[str, Report]) -> str:
    rows = sum(len(report.rows) for report in reports.values())
    timed = sum(len(report.timed) for report in reports.values())
    return (
        f"rknn-toolkit2 gives cycles for {timed} of {rows} operators (products only) and no clock, so no speed is told"
    )


def _operators(
    found: Layerwise, folder: Path, reports: dict[str, Report], execution: Execution, workload: Workload, version: str
) -> tuple[OperatorPlacement, ...]:
    from backends.operators import Place
    from backends.operators.support import find_support
    from backends.vendors.base.placing import place_graph, whole_model
    from backends.vendors.rockchip.table import FUSED

    source = f"rknn-toolkit2 {version}'s table of operators"
    used = sorted({row.operator for report in reports.values() for row in report.rows} & set(FUSED))
    fused = "; ".join(f"{name} is {FUSED[name]}" for name in used)
    npu = Place(
        "accelerator", "compiled", source, "alone or taken into another operator" + (f": {fused}" * bool(fused))
    )
    declared = find_support("rknn")[0].mode("", execution.precision).declared

    def cpu(row: HostRow) -> Place:
        if declared is not None and any(declared.holds(name) for name in row.onnx):
            return Place("host", "compiled", source, f"{row.operator} on the chip's CPU")
        why = "accepted for the CPU, but not in Rockchip's published list of operators: nothing shows that it runs"
        return Place("rejected", "compiled", source, f"{row.operator}: {why}")

    graphs = []
    for one in found.graphs:
        rows = [row.host_row for row in reports[one.name].host]
        graph = folder / f"{one.name}.onnx"
        graphs.append(place_graph(graph, rows, npu, cpu, execution.precision, one.phases, one.copies))
    return whole_model(graphs, execution.model.spec, workload, execution.precision)


def _largest_graph_bytes(spec: ModelSpec) -> int:
    """Float32 weights of the head or of a layer, whichever is larger."""
    return 4 * max(spec.embedding_parameters, spec.layer_matmul_parameters)
