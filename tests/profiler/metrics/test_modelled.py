"""From a vendor's figures of graphs to those of a model: the sums are laws, and what is missing is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract.compiled import Compiled, CompiledGraph
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from profiler.metrics.catalogue import COMMON
from profiler.metrics.modelled import NO_DECODE, NO_SPREAD, NOT_RUN, modelled_metrics

SPEC = ModelSpec("m", "qwen3", 64, 128, 4, 4, 2, 16, 512, True, 1e6, 1e-6, 512)
KV_BYTES_A_LAYER_TOKEN = 2 * (2 * 16) * 2
"""Keys and values of two heads of 16, in float16."""
SPEEDS = ("ttft", "prefill_throughput", "decode_throughput", "tpot_p50")
durations_s = st.floats(1e-6, 10.0)


def work(prompt=12, output=5, batch=1):
    return Workload("w", ((1,) * prompt,) * batch, output)


def compiled(prefill=2e-3, decode=1e-3, head=5e-3, *, layers=4, **changes):
    def graph(name, part, phases, duration_s, weights, working):
        copies = layers if part == "layer" else 1
        return CompiledGraph(name, part, phases, copies, duration_s=duration_s, weight_bytes=weights,
                             working_bytes=working)  # fmt: skip

    graphs = (
        graph("prefill_layer", "layer", ("prefill",), prefill, 1000, 300),
        graph("decode_layer", "layer", ("decode",), decode, 1100, 200),
        graph("head", "head", ("prefill", "decode"), head, 9000, 250),
    )
    fields = {"timing": "a schedule", "gaps": ("the host is left out",), "graphs": graphs, **changes}
    return Compiled("tool", "1", "chip", "float16", layers, **fields)


def figures(of, **workload):
    return modelled_metrics(of, SPEC, work(**workload))


@given(durations_s, durations_s, durations_s, st.integers(1, 80))
def test_a_phase_is_its_layers_and_the_head(prefill, decode, head, layers):
    found = figures(compiled(prefill, decode, head, layers=layers))
    assert found["ttft"].value == pytest.approx(layers * prefill + head)
    assert found["tpot_p50"].value == pytest.approx(layers * decode + head)
    assert found["decode_throughput"].value == pytest.approx(1 / found["tpot_p50"].value)
    assert found["prefill_throughput"].value == pytest.approx(12 / found["ttft"].value)


@given(durations_s, durations_s, st.integers(1, 40))
def test_twice_the_depth_adds_what_the_layers_take_and_nothing_else(layer, head, layers):
    one, two = (figures(compiled(layer, layer, head, layers=n))["tpot_p50"].value for n in (layers, 2 * layers))
    assert two - one == pytest.approx(layers * layer, rel=1e-6, abs=1e-12)


@given(st.integers(1, 16))
def test_a_batch_makes_more_tokens_in_the_same_time(batch):
    alone, many = figures(compiled()), figures(compiled(), batch=batch)
    assert many["ttft"].value == alone["ttft"].value and many["tpot_p50"].value == alone["tpot_p50"].value
    for name in ("prefill_throughput", "decode_throughput"):
        assert many[name].value == pytest.approx(batch * alone[name].value)


def test_every_metric_is_there_and_none_claims_to_be_measured():
    found = figures(compiled())
    assert set(found) == {metric.name for metric in COMMON}
    for metric in COMMON:
        figure = found[metric.name]
        assert figure.unit == metric.unit and figure.ci95 is None
        assert figure.grade == ("unavailable" if figure.value is None else "modelled")
        assert figure.method
    assert {name for name, figure in found.items() if figure.value is not None} == {*SPEEDS, "peak_device_memory"}
    assert found["mbu"].method == found["energy_per_output_token"].method == NOT_RUN
    assert found["tpot_p99"].method == NO_SPREAD


def test_the_method_says_what_was_added_up_and_what_is_left_out():
    found = figures(compiled())
    assert found["ttft"].method == "a schedule: 4 x layer + head, not measured on a chip; the host is left out"
    assert found["tpot_p50"].method.endswith("; each step at the full context of 17 tokens")
    whole = compiled(layers=1)
    parts = [replace(graph, part="whole") for graph in whole.graphs if graph.part == "layer"]
    assert "a schedule: the whole model, not" in figures(replace(whole, graphs=tuple(parts)))["ttft"].method


@pytest.mark.parametrize("missing", ["prefill_layer", "head"])
def test_one_time_that_is_missing_leaves_no_figure_of_its_phases_and_is_named(missing):
    full = compiled()
    graphs = tuple(replace(graph, duration_s=None) if graph.name == missing else graph for graph in full.graphs)
    found = figures(replace(full, graphs=graphs))
    assert found["ttft"].value is None and found["prefill_throughput"].value is None
    assert found["ttft"].method == f"tool gave no time of {missing}; the host is left out"
    assert (found["tpot_p50"].value is None) == (missing == "head")


def test_a_tool_without_times_gives_its_gap_as_the_reason():
    found = figures(compiled(None, None, None, timing="", gaps=("it has no schedule",)))
    assert {found[name].method for name in (*SPEEDS, "tpot_p99")} == {"it has no schedule"}
    assert figures(compiled(None, None, None, gaps=()))["ttft"].method == "tool gives no times"
    only = compiled(gaps=())
    left = figures(replace(only, graphs=only.graphs[:1]))
    assert left["tpot_p50"].method == "tool was given no graph of the decode"
    assert left["ttft"].value == pytest.approx(4 * 2e-3)


def test_one_output_token_leaves_nothing_to_decode():
    found = figures(compiled(), output=1)
    assert {found[name].method for name in ("decode_throughput", "tpot_p50", "tpot_p99")} == {NO_DECODE}
    assert found["ttft"].value is not None


def test_memory_is_all_weights_the_largest_working_memory_and_the_other_layers_caches():
    found = figures(compiled(), batch=2)["peak_device_memory"]
    cache = 3 * KV_BYTES_A_LAYER_TOKEN * 17 * 2
    assert found.value == 4 * 1100 + 9000 + 300 + cache
    assert "and the KV cache of the 3 other layers in float16" in found.method
    assert figures(compiled(layers=1))["peak_device_memory"].value == 1100 + 9000 + 300


def test_memory_of_an_arithmetic_without_known_size_says_what_it_leaves_out():
    found = modelled_metrics(replace(compiled(), arithmetic="uint8 by int16"), SPEC, work())["peak_device_memory"]
    assert found.value == 4 * 1100 + 9000 + 300
    assert "without the KV cache of 3 layers, whose uint8 by int16 has no known size" in found.method


@pytest.mark.parametrize("field", ["weight_bytes", "working_bytes"])
def test_a_memory_plan_with_a_hole_is_none(field):
    full = compiled()
    graphs = (replace(full.graphs[0], **{field: None}), *full.graphs[1:])
    assert figures(replace(full, graphs=graphs))["peak_device_memory"].method == NOT_RUN
