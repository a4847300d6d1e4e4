"""The targets ``ascend-model:910b1`` and ``ascend-model:910b4``: nothing is computed, only timed, by Huawei's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.contract.backend import Execution, Progress
from backends.contract.compiled import Compiled, CompiledGraph, Examination
from backends.contract.workload import Workload
from backends.operators import OperatorPlacement
from backends.operators.count import NodeCost, count_model, sum_by_operator
from backends.operators.placement import Where
from backends.qwen.model import ModelSpec
from backends.toolchains import environment_of, find_toolchain
from backends.vendors.base.path import Chip, VendorPath
from backends.vendors.base.scratch import scratch_folder
from backends.vendors.huawei.msopmodeling import DATA_TYPES, Latency, ask
from backends.vendors.huawei.operations import (
    ATTENTION,
    Call,
    Operation,
    Phase,
    ascend_operators,
    head_operations,
    layer_operations,
)

TOOLCHAIN = "msopmodeling"
CHIPS = {name: Chip(name, f"huawei-ascend-{name}") for name in ("910b1", "910b4")}

PHASES: tuple[Phase, Phase] = ("prefill", "decode")

LEFT_OUT = (
    "not modelled, and so left out: the embedding look-up, choosing the last token, launching operators and the host; "
    "operators run one after the other"
)


class AscendModel(VendorPath):
    """msopmodeling's latency of each operator of a layer and the head, added up."""

    name = "ascend-model"
    summary = "Huawei's operator latency model of Ascend 910B1 and 910B4 (msopmodeling; computes nothing)"
    toolchain = TOOLCHAIN
    chips = CHIPS
    precisions = tuple(DATA_TYPES)
    default_precision = "float16"

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """No weights are loaded; simulating the largest product took 0.5 GB for Qwen3-0.6B and 1.5 GB for Qwen3-8B."""
        return 2_000_000_000 + spec.embedding_parameters

    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Ask for every operator of a prefill layer, a decode layer and the head."""
        tool = find_toolchain(TOOLCHAIN)
        environment = environment_of(tool)
        spec = execution.model.spec
        size = (workload.prompt_tokens, workload.total_tokens, workload.batch)
        graphs = {
            "prefill_layer": layer_operations(spec, "prefill", *size),
            "decode_layer": layer_operations(spec, "decode", *size),
            "head": head_operations(spec, workload.batch),
        }
        calls = [operation.call for operations in graphs.values() for operation in operations]
        progress(f"asking {tool.name} for the latencies of {len(set(calls))} operators")
        chip = execution.device.upper()
        with scratch_folder(self.name, 10_000_000) as folder:
            latencies = ask(environment, chip, execution.precision, calls, folder)
        compiled = Compiled(
            toolchain=tool.name,
            version=tool.version,
            chip_id=self.chip(execution.device),
            arithmetic=execution.precision,
            layers=spec.layers,
            graphs=(
                graph("prefill_layer", graphs["prefill_layer"], latencies, ("prefill",), spec.layers),
                graph("decode_layer", graphs["decode_layer"], latencies, ("decode",), spec.layers),
                graph("head", graphs["head"], latencies, PHASES),
            ),
            timing=f"Huawei's latency model of single operators ({tool.name} {tool.version})",
            gaps=(*gaps(latencies), LEFT_OUT),
            packages=environment.packages(),
        )
        source = f"{tool.name} {tool.version} has a latency model of it for {chip}"
        return Examination(compiled, placements(spec, workload, execution.precision, latencies, source))


def graph(
    name: str,
    operations: Sequence[Operation],
    latencies: Mapping[Call, Latency],
    phases: tuple[Phase, ...],
    layers: int | None = None,
) -> CompiledGraph:
    """The sum over a graph's operators; without a time if a matrix product has none, for then it would mean nothing."""
    times = [(operation.count, latencies[operation.call].latency_s) for operation in operations]
    vital = [latencies[operation.call].latency_s for operation in operations if operation.call.operator == "MatMul"]
    known = [count * time_s for count, time_s in times if time_s is not None]
    return CompiledGraph(
        name=name,
        part="head" if layers is None else "layer",
        phases=phases,
        copies=layers or 1,
        duration_s=None if None in vital else sum(known),
        details={"operators": [_detail(operation, latencies[operation.call]) for operation in operations]},
    )


def _detail(operation: Operation, latency: Latency) -> dict[str, object]:
    return {
        "operator": operation.call.operator,
        "role": operation.role,
        "count": operation.count,
        "model": latency.model,
        "latency_us": None if latency.latency_s is None else latency.latency_s * 1e6,
        "limit_us": None if latency.limit_s is None else latency.limit_s * 1e6,
        "input_shapes": operation.call.inputs,
        "output_shapes": operation.call.outputs,
        "said": latency.said,
    }


def gaps(latencies: Mapping[Call, Latency]) -> tuple[str, ...]:
    """What the figures leave out or only bound, one sentence each."""
    found = []
    fused = [latency for call, latency in latencies.items() if call.operator == ATTENTION]
    if all(latency.model for latency in fused):
        found.append(f"attention is modelled as one fused operator, {ATTENTION}")
    bounded = sorted({call.operator for call, latency in latencies.items() if latency.model == "theo"})
    if bounded:
        found.append(f"the engineering model lacks {', '.join(bounded)}: the theoretical limit stands in")
    for call, latency in latencies.items():
        if not latency.model:
            said = " | ".join(f"{model}: {text}" for model, text in latency.said.items())
            found.append(f"{call.operator} {list(call.inputs)} is in neither model, and left out ({said})")
    return tuple(found)


def placements(
    spec: ModelSpec, workload: Workload, precision: str, latencies: Mapping[Call, Latency], source: str
) -> tuple[OperatorPlacement, ...]:
    """Return the nodes of the portable graph whose Ascend operators the tool knows, and those it does not know."""
    modelled = {call.operator for call, latency in latencies.items() if latency.model}
    placed = []
    for phase in PHASES:
        costs = count_model(spec, workload.prompt_tokens, workload.total_tokens, phase, precision, workload.batch)
        groups: dict[bool, list[NodeCost]] = {True: [], False: []}
        stands_in: dict[str, set[str]] = {}
        for cost in costs:
            operators = ascend_operators(cost.name, cost.operator)
            known = bool(operators) and modelled.issuperset(operators)
            groups[known].append(cost)
            stands_in.setdefault(cost.operator, set()).update(operators if known else ())
        for known, members in groups.items():
            where: Where = "accelerator" if known else "unknown"
            origin = source if known else f"{TOOLCHAIN} has no latency model of it"
            for one in sum_by_operator(members):
                note = f"as {', '.join(sorted(stands_in[one.operator]))}" if known else ""
                placed.append(
                    OperatorPlacement(
                        phase, one.operator, one.count, one.flops, one.bytes_moved, where, "declared", origin, note
                    )
                )
    return tuple(placed)
