"""The figures of a target whose chip is not here: from its vendor's compiler, scaled by depth, all ``modelled``."""

from __future__ import annotations

from collections.abc import Sequence

from backends.compiled import Compiled, CompiledGraph
from backends.workload import Workload
from profiler.metrics import METRICS
from profiler.quantity import Quantity

NOT_RUN = "nothing was run: the chip is not here, and its vendor's tools do not tell"


def modelled_metrics(compiled: Compiled, workload: Workload) -> dict[str, Quantity]:
    """Every metric by name; those that the vendor's tools do not give are unavailable, with the reason."""
    found = {metric.name: Quantity.unavailable(metric.unit, NOT_RUN) for metric in METRICS}
    prefill_s, decode_s = _phase_s(compiled, "prefill"), _phase_s(compiled, "decode")
    method = f"{compiled.timing}: {compiled.layers} x layer + head, not measured on a chip"
    if compiled.gaps:
        method += "; " + "; ".join(compiled.gaps)
    no_time = "; ".join(compiled.gaps) or f"{compiled.toolchain} gives no times"
    for name in ("ttft", "prefill_throughput", "decode_throughput", "tpot_p50"):
        found[name] = Quantity.unavailable(found[name].unit, no_time)
    found["tpot_p99"] = Quantity.unavailable("s", "a static schedule has no spread" if decode_s else no_time)
    if prefill_s is not None:
        found["ttft"] = Quantity(prefill_s, "s", "modelled", method, 1)
        rate = workload.batch * workload.prompt_tokens / prefill_s
        found["prefill_throughput"] = Quantity(rate, "tok/s", "modelled", method, 1)
    if decode_s is not None:
        at = f"{method}; each step at the full context of {workload.total_tokens} tokens"
        found["tpot_p50"] = Quantity(decode_s, "s", "modelled", at, 1)
        found["decode_throughput"] = Quantity(workload.batch / decode_s, "tok/s", "modelled", at, 1)
    memory = _device_memory_bytes(compiled.graphs)
    if memory is not None:
        how = f"{compiled.toolchain}'s memory plan: weights of every layer and the head, and the largest working memory"
        found["peak_device_memory"] = Quantity(float(memory), "B", "modelled", how, 1)
    return found


def _phase_s(compiled: Compiled, phase: str) -> float | None:
    parts = [graph for graph in compiled.graphs if phase in graph.phases]
    times = [graph.duration_s for graph in parts]
    known = [time_s for time_s in times if time_s is not None]
    if not parts or len(known) < len(parts):
        return None
    return sum(graph.copies * time_s for graph, time_s in zip(parts, known, strict=True))


def _device_memory_bytes(graphs: Sequence[CompiledGraph]) -> int | None:
    """Prefill and decode share the weights of a layer, so the larger of the two counts."""
    weights: dict[str, int] = {}
    working = 0
    for graph in graphs:
        if graph.weight_bytes is None or graph.working_bytes is None:
            return None
        weights[graph.part] = max(weights.get(graph.part, 0), graph.copies * graph.weight_bytes)
        working = max(working, graph.working_bytes)
    return sum(weights.values()) + working if weights else None
