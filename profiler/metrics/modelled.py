"""The figures of a target whose chip is not here: from its vendor's compiler, scaled by depth, all ``modelled``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from backends.contract.compiled import Compiled, CompiledGraph
from backends.contract.workload import Workload
from backends.qwen.model import BITS_PER_WEIGHT, ModelSpec
from profiler.metrics.catalogue import COMMON
from profiler.records.quantity import Quantity

NOT_RUN = "nothing was run: the chip is not here, and its vendor's tools do not tell"
NO_SPREAD = "nothing was run, and a schedule has no spread between tokens"
NO_DECODE = "one output token leaves nothing to decode; use --output-tokens 2"


def modelled_metrics(compiled: Compiled, spec: ModelSpec, workload: Workload) -> dict[str, Quantity]:
    """Return every metric by name; those that the vendor's tools do not give are unavailable, with the reason.

    A phase takes the sum of its graphs' times, each as often as the model has the graph; one time that is missing
    leaves none.
    """
    figures = {metric.name: Quantity.unavailable(metric.unit, NOT_RUN) for metric in COMMON}
    how = _method(compiled)

    prefill_s = _phase_s(compiled, "prefill")
    if prefill_s is None:
        reason = _no_time(compiled, "prefill")
        figures |= {name: Quantity.unavailable(figures[name].unit, reason) for name in ("ttft", "prefill_throughput")}
    else:
        figures["ttft"] = Quantity(prefill_s, "s", "modelled", how, 1)
        rate = workload.batch * workload.prompt_tokens / prefill_s
        figures["prefill_throughput"] = Quantity(rate, "tok/s", "modelled", how, 1)

    decode_s = _phase_s(compiled, "decode")
    if decode_s is None or workload.output_tokens < 2:
        reason = NO_DECODE if decode_s is not None else _no_time(compiled, "decode")
        decode = ("decode_throughput", "tpot_p50", "tpot_p99")
        figures |= {name: Quantity.unavailable(figures[name].unit, reason) for name in decode}
    else:
        at = f"{how}; each step at the full context of {workload.total_tokens} tokens"
        figures["tpot_p50"] = Quantity(decode_s, "s", "modelled", at, 1)
        figures["decode_throughput"] = Quantity(workload.batch / decode_s, "tok/s", "modelled", at, 1)
        figures["tpot_p99"] = Quantity.unavailable("s", NO_SPREAD)

    memory_bytes = _device_memory_bytes(compiled.graphs)
    if memory_bytes is not None:
        cache_bytes, cache = _other_caches(compiled, spec, workload)
        method = f"{compiled.toolchain}'s memory plan: all weights, and the largest working memory of a graph; {cache}"
        figures["peak_device_memory"] = Quantity(float(memory_bytes + cache_bytes), "B", "modelled", method, 1)
    return figures


def _method(compiled: Compiled) -> str:
    """Return where the times are from, what was added up, and what they leave out."""
    whole = any(graph.part == "whole" for graph in compiled.graphs)
    summed = "the whole model" if whole else f"{compiled.layers} x layer + head"
    return "; ".join([f"{compiled.timing}: {summed}, not measured on a chip", *compiled.gaps])


def _no_time(compiled: Compiled, phase: Literal["prefill", "decode"]) -> str:
    """Return why a phase has no time: what the tool leaves out, and which graphs it gave none of where it gave some."""
    graphs = [graph for graph in compiled.graphs if phase in graph.phases]
    without = [graph.name for graph in graphs if graph.duration_s is None]
    reasons = list(compiled.gaps) or [f"{compiled.toolchain} gives no times"]
    if not graphs:
        reasons = [f"{compiled.toolchain} was given no graph of the {phase}", *compiled.gaps]
    elif len(without) < len(graphs):
        reasons = [f"{compiled.toolchain} gave no time of {', '.join(without)}", *compiled.gaps]
    return "; ".join(reasons)


def _phase_s(compiled: Compiled, phase: Literal["prefill", "decode"]) -> float | None:
    parts = [graph for graph in compiled.graphs if phase in graph.phases]
    known = [graph.copies * graph.duration_s for graph in parts if graph.duration_s is not None]
    if not parts or len(known) < len(parts):
        return None
    return sum(known) or None


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


def _other_caches(compiled: Compiled, spec: ModelSpec, workload: Workload) -> tuple[int, str]:
    """Return bytes of the KV cache that no graph's working memory holds, and a remark for the method.

    A layer's own cache is among its graph's inputs and outputs, hence in its working memory; those of the other layers
    must be held meanwhile.
    """
    others = max((graph.copies for graph in compiled.graphs if graph.part == "layer"), default=1) - 1
    if others == 0:
        return 0, "the KV cache is part of it"
    if compiled.arithmetic not in BITS_PER_WEIGHT:
        return 0, f"without the KV cache of {others} layers, whose {compiled.arithmetic} has no known size"
    a_layer = spec.kv_bytes_per_token(compiled.arithmetic) // spec.layers * workload.total_tokens * workload.batch
    return others * a_layer, f"and the KV cache of the {others} other layers in {compiled.arithmetic}"
