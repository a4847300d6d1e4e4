"""Every figure against an answer worked out by hand."""

from dataclasses import replace

import pytest

from backends.contract.backend import DeviceMemory, ExpertUse
from profiler.metrics.catalogue import COMMON, decode_step_bytes
from profiler.records.readings import EnergyReading, PowerSample, Telemetry
from profiler.records.target import decode_rate
from tests.backends.qwen.families import TINY

MS = 1_000_000


def test_time_to_first_token_is_the_median_over_repetitions(make_case, make_repetition):
    repetitions = [make_repetition(token_ms=(first, 900)) for first in (100, 300, 200)]
    figure = make_case(repetitions).figures["ttft"]
    assert (figure.value, figure.unit, figure.grade, figure.n, figure.ci95) == (0.2, "s", "measured", 3, None)


def test_warm_up_counts_for_nothing(make_case, make_repetition):
    repetitions = [make_repetition(token_ms=(900, 999), warmup=True), make_repetition(token_ms=(100, 200))]
    figures = make_case(repetitions).figures
    assert (figures["ttft"].value, figures["ttft"].n) == (0.1, 1)


def test_prefill_is_the_prompt_tokens_of_all_sequences_over_the_time_to_the_first(make_case, make_repetition):
    figure = make_case([make_repetition(token_ms=(250, 260), batch=4)]).figures["prefill_throughput"]
    assert (figure.value, figure.unit, figure.grade) == (4 * 50 / 0.25, "tok/s", "derived")


def test_decode_leaves_the_first_token_to_prefill_and_counts_all_sequences(make_case, make_repetition):
    repetition = make_repetition(token_ms=(100, 150, 200, 300), batch=2)
    assert decode_rate(repetition) == 3 * 2 / 0.2
    assert make_case([repetition]).figures["decode_throughput"].value == 30


def test_token_times_are_percentiles_of_the_gaps(make_case, make_repetition):
    gaps = (*range(1, 101), 500)
    times = [100]
    for gap in gaps:
        times.append(times[-1] + gap)
    figures = make_case([make_repetition(token_ms=tuple(times))]).figures
    assert figures["tpot_p50"].value == pytest.approx(0.051)
    assert figures["tpot_p99"].value == pytest.approx(0.100)


def test_six_repetitions_carry_an_interval(make_case, make_repetition):
    repetitions = [make_repetition(token_ms=(100 + n, 200)) for n in range(6)]
    low, high = make_case(repetitions).figures["ttft"].ci95
    assert 0.1 <= low <= 0.1025 <= high <= 0.105


def test_peak_memory_is_the_high_water_mark(make_case, make_repetition):
    figure = make_case([make_repetition()], peak=123).figures["peak_memory"]
    assert (figure.value, figure.unit, figure.grade, figure.method) == (123, "B", "measured", "VmHWM")


def test_bandwidth_use_counts_weights_and_cache_against_the_ceiling_beside(
    make_case, make_repetition, make_ceilings, make_spec
):
    spec = make_spec()
    repetition = make_repetition(start_ms=1000, token_ms=(100, 110, 120, 130), batch=2)
    # 4 tokens after a prompt of 50: the cache is 52 long on average.
    read = spec.decode_weight_bytes("int4") + 2 * 52 * spec.kv_bytes_per_token("bfloat16")
    case = make_case(
        [repetition],
        ceilings=make_ceilings(read=[(0, 9e9), (900, 1e8), (1130, 3e8), (2000, 9e9)]),
        precision="int4",
        cache="bfloat16",
    )
    assert decode_step_bytes(case.measured.worker, case.context, repetition) == read
    figure = case.figures["mbu"]
    assert figure.value == pytest.approx(read * 100 / 2e8)
    assert (figure.unit, figure.grade) == ("1", "derived")


def test_flops_use_is_that_of_prefill_at_the_same_arithmetic(make_case, make_repetition, make_ceilings, make_spec):
    repetition = make_repetition(start_ms=1000, token_ms=(500, 600), batch=3)
    ceilings = make_ceilings(gemm={"float32": [(0, 4e9), (1700, 4e9)], "bfloat16": [(0, 1e9), (1700, 1e9)]})
    figure = make_case([repetition], ceilings=ceilings).figures["mfu"]
    assert figure.value == pytest.approx(3 * make_spec().prefill_flops(50) / 0.5 / 4e9)


def test_repetitions_without_a_ceiling_beside_them_take_no_part(make_case, make_repetition, make_ceilings):
    inside, outside = make_repetition(start_ms=100, token_ms=(10, 20)), make_repetition(start_ms=500)
    ceilings = make_ceilings(read=[(0, 1e9), (200, 1e9)], gemm={"float32": [(0, 1e9), (200, 1e9)]})
    figures = make_case([inside, outside], ceilings=ceilings).figures
    assert (figures["mbu"].n, figures["mfu"].n, figures["ttft"].n) == (1, 1, 2)


def test_energy_per_token_spreads_the_whole_run_over_the_output_tokens(make_case, make_repetition):
    # 10 W while idle, 50 W during the run from 2 s to 3 s, two sequences of five tokens.
    at = [(0, 0), (2000, 20), (3000, 70), (5000, 90)]
    reading = EnergyReading(
        "rapl", "package", 1e-6, (0, 2000 * MS), (3000 * MS, 5000 * MS), tuple(PowerSample(ms * MS, j) for ms, j in at)
    )
    repetition = make_repetition(start_ms=2000, token_ms=(200, 400, 600, 800, 1000), batch=2)
    figures = make_case([repetition], energy=reading).figures
    gross, net = figures["energy_per_output_token"], figures["net_energy_per_output_token"]
    assert (gross.value, gross.grade, gross.unit) == (pytest.approx(5.0), "measured", "J/tok")
    assert (net.value, net.grade) == (pytest.approx(4.0), "derived")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("decode_throughput", "one output token leaves nothing to decode; use --output-tokens 2"),
        ("tpot_p50", "one output token has no gap"),
        ("tpot_p99", "one output token has no gap"),
        ("mbu", "one output token leaves nothing to decode"),
    ],
)
def test_one_output_token_makes_decode_unavailable_with_the_reason(make_case, make_repetition, name, reason):
    figures = make_case([make_repetition(token_ms=(100,))]).figures
    assert figures[name].grade == "unavailable"
    assert reason in figures[name].method
    assert figures["ttft"].value == 0.1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mbu", "no read bandwidth was measured"),
        ("mfu", "no float32 matrix-product ceiling"),
        ("energy_per_output_token", "the meter is locked"),
        ("net_energy_per_output_token", "the meter is locked"),
    ],
)
def test_what_was_not_measured_is_unavailable_with_the_reason(make_case, make_repetition, name, reason):
    figure = make_case([make_repetition()], reason="the meter is locked").figures[name]
    assert figure.grade == "unavailable"
    assert reason in figure.method


def test_quantised_arithmetic_without_its_own_ceiling_is_not_held_against_another(
    make_case, make_repetition, make_ceilings
):
    ceilings = make_ceilings(gemm={"float32": [(0, 1e9), (9000, 1e9)]})
    figure = make_case([make_repetition()], ceilings=ceilings, arithmetic="int8").figures["mfu"]
    assert (figure.grade, figure.value) == ("unavailable", None)
    assert "int8" in figure.method


def test_energy_samples_that_miss_the_run_make_it_unavailable(make_case, make_repetition):
    samples = (PowerSample(0, 0.0), PowerSample(10 * MS, 1.0))
    reading = EnergyReading("rapl", "package", 1.0, (0, 5 * MS), (5 * MS, 10 * MS), samples)
    figure = make_case([make_repetition(start_ms=5)], energy=reading).figures["energy_per_output_token"]
    assert figure.grade == "unavailable"
    assert "do not cover" in figure.method


DEVICE = {"accelerator": "cuda:0"}


def telemetry(**changes):
    columns = {"memory_used_bytes": (10e9, 17e9)}
    return replace(
        Telemetry(1, "nvml", {}, 40, (0, 1), columns, {"memory_used_bytes": (9e9, 18e9)}, (), 0, {}, {}), **changes
    )


def test_device_memory_is_the_highest_sample_beside_the_allocators_own_figures(make_case, make_repetition):
    case = make_case([make_repetition()]).but(telemetry=telemetry(), **DEVICE)
    worker = replace(case.measured.worker, device_memory=DeviceMemory(15_000_000_000, 16_000_000_000))
    figures = case.but(worker=worker).figures
    sampled = figures["peak_device_memory"]
    assert (sampled.value, sampled.grade, sampled.n) == (18e9, "measured", 1)
    assert "whole device, highest of 40 looks" in sampled.method
    assert figures["peak_allocated_memory"].value == 15e9 and "tensors held" in figures["peak_allocated_memory"].method
    assert figures["peak_reserved_memory"].value == 16e9


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "the model is in the host's memory"),
        ({**DEVICE, "telemetry_reason": "nvml: no driver"}, "nvml: no driver"),
        ({**DEVICE, "telemetry": telemetry(extremes={}, unread={"memory_used_bytes": "NVML: not supported"})},
         "nvml does not tell the memory in use: NVML: not supported"),
    ],
)  # fmt: skip
def test_device_memory_that_cannot_be_had_says_why(make_case, make_repetition, changes, reason):
    figures = make_case([make_repetition()]).but(**changes).figures
    assert figures["peak_device_memory"].grade == "unavailable" and reason in figures["peak_device_memory"].method


def test_phases_power_and_the_second_source_have_figures_of_their_own(make_case, make_repetition):
    """10 W idle, 50 W for 4 s of prefill, 30 W for 6 s of decode; polled power says a tenth more."""
    at = [(0, 0), (2000, 20), (6000, 220), (12_000, 400), (15_000, 430)]
    samples = tuple(PowerSample(ms * MS, j, 1.1 * j) for ms, j in at)
    reading = EnergyReading("nvml", "board", 1e-3, (0, 2000 * MS), (12_000 * MS, 15_000 * MS), samples,
                            update_period_s=0.02, power_source="instant power")  # fmt: skip
    repetition = make_repetition(start_ms=2000, token_ms=(4000, 7000, 10_000))
    case = make_case([repetition], energy=reading).but(host_energy=reading, **DEVICE)
    found = {name: figure.value for name, figure in case.figures.items()}
    assert found["prefill_energy_per_prompt_token"] == pytest.approx(200 / 50)
    assert found["net_prefill_energy_per_prompt_token"] == pytest.approx((200 - 40) / 50)
    assert found["decode_energy_per_output_token"] == pytest.approx(180 / 2)
    assert found["net_decode_energy_per_output_token"] == pytest.approx((180 - 60) / 2)
    assert found["energy_per_output_token"] == found["host_energy_per_output_token"] == pytest.approx(380 / 3)
    assert found["integrated_energy_per_output_token"] == pytest.approx(1.1 * 380 / 3)
    assert (found["mean_power"], found["idle_power"]) == (pytest.approx(38), pytest.approx(10))
    gross = case.figures["energy_per_output_token"]
    assert "±0.51 J/tok from resolution, 20 ms a step; sources_disagree" in gross.method and "+10.0 %" in gross.method
    loaded = case.figures["loaded_idle_power"]
    assert loaded.grade == "unavailable" and "no idle window" in loaded.method


def wall_reading(**changes):
    """10 W idle, 40 W at work, once a second by a clock known to a tenth of a second."""
    watts = [10.0 if second < 20 or second >= 60 else 40.0 for second in range(80)]
    samples = tuple(PowerSample(n * 1000 * MS, sum(watts[:n])) for n in range(81))
    idle = ((0, 20_000 * MS), (60_000 * MS, 80_000 * MS))
    reading = EnergyReading("wall", "wall", 10.0, *idle, samples, grade="derived", update_period_s=1.0)
    return replace(reading, **{"power_source": "power told by the meter", "clock_uncertainty_s": 0.1, **changes})


def test_a_wall_meter_has_figures_of_its_own_and_stands_in_where_nothing_else_was_read(make_case, make_repetition):
    repetition = make_repetition(start_ms=20_000, token_ms=(20_000, 30_000, 40_000))
    case = make_case([repetition], reason="rapl: root only")
    alone = case.but(wall_energy=wall_reading()).figures
    for name in ("wall_energy_per_output_token", "energy_per_output_token"):
        assert (alone[name].value, alone[name].grade) == (pytest.approx(1600 / 3), "derived")
        assert alone[name].method.startswith("wall (wall, power told by the meter integrated)")
        assert "±29 J/tok from resolution, 1e+03 ms a step and 0.1 s of the meter's clock" in alone[name].method
    assert alone["energy_per_output_token"].method.endswith("its hardware has no meter: rapl: root only")
    net = "net_wall_energy_per_output_token"
    assert alone[net].method.startswith("error_too_large"), "what idle power leaves is too little for so slow a meter"
    quicker = case.but(wall_energy=wall_reading(update_period_s=0.5)).figures
    assert quicker[net].value == pytest.approx(1200 / 3)
    assert alone["mean_power"].value == pytest.approx(40)
    own = wall_reading(meter="rapl", scope="package", clock_uncertainty_s=0.0, grade="measured")
    beside = case.but(energy=own, wall_energy=wall_reading()).figures
    assert beside["energy_per_output_token"].method.startswith("rapl (package)")
    assert beside["wall_energy_per_output_token"].method.startswith("wall (wall")
    none = case.but(wall_reason="it does not answer").figures["wall_energy_per_output_token"]
    assert (none.grade, none.method) == ("unavailable", "it does not answer")


def test_a_clock_that_is_hardly_known_leaves_no_figure(make_case, make_repetition):
    repetition = make_repetition(start_ms=20_000, token_ms=(20_000, 30_000, 40_000))
    case = make_case([repetition]).but(wall_energy=wall_reading(clock_uncertainty_s=3.0))
    figure = case.figures["wall_energy_per_output_token"]
    assert figure.grade == "unavailable" and figure.method.startswith("error_too_large: wall leaves")


@pytest.mark.parametrize(("factor", "flagged"), [(1.02, False), (1.5, True)])
def test_two_meters_of_one_thing_are_compared(make_case, make_repetition, factor, flagged):
    first = wall_reading(meter="rapl", scope="package", grade="measured", update_period_s=0.01)
    samples = tuple(PowerSample(s.at_ns, s.energy_j * factor) for s in first.samples)
    second = replace(first, meter="hwmon", samples=samples)
    repetition = make_repetition(start_ms=20_000, token_ms=(20_000, 30_000, 40_000))
    case = make_case([repetition], energy=first).but(second_energy=second)
    figure = case.figures["second_meter_energy_per_output_token"]
    assert figure.value == pytest.approx(factor * 1600 / 3) and "hwmon (package)" in figure.method
    assert f"{100 * factor - 100:+.1f} % from rapl" in figure.method
    assert ("sources_disagree" in figure.method) == flagged


def test_power_that_was_integrated_is_derived_and_says_from_what(make_case, make_repetition):
    samples = tuple(PowerSample(ms * MS, ms * 0.05) for ms in range(0, 5001, 100))
    reading = EnergyReading("nvml", "board", 1.0, (0, 1000 * MS), (4000 * MS, 5000 * MS), samples, grade="derived",
                            update_period_s=0.05, power_source="instant power")  # fmt: skip
    figure = make_case([make_repetition(1000, (2900, 3000))], energy=reading).figures["energy_per_output_token"]
    assert figure.grade == "derived" and "nvml (board, instant power integrated)" in figure.method


def test_every_metric_says_what_it_is(make_case, make_repetition):
    figures = make_case([make_repetition()]).figures
    assert list(figures) == [metric.name for metric in COMMON]
    for metric in COMMON:
        assert metric.definition.endswith(".") and metric.title and metric.better in ("higher", "lower")
        assert figures[metric.name].unit == metric.unit


def test_counted_experts_take_the_place_of_uniform_ones_in_the_bytes_of_a_step(make_case, make_repetition):
    spec = TINY["qwen3_moe"]
    case = make_case([make_repetition(token_ms=(100, 200), batch=3)]).but(spec=spec)
    worker, context = case.measured.worker, case.context
    uniform = decode_step_bytes(worker, context, worker.repetitions[0])
    counted = decode_step_bytes(replace(worker, expert_use=ExpertUse(2.0, 10)), context, worker.repetitions[0])
    matrices = spec.layers * 3 * spec.hidden_size * spec.experts.width
    assert uniform - counted == pytest.approx(4 * matrices * (spec.distinct_experts(3) - 2), abs=4)
