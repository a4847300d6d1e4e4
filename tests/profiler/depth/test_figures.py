"""Extended figures against times that are known to be lines in depth, and against some that are not."""

from dataclasses import replace

import pytest

from backends.contract.workload import Workload
from profiler.depth.choice import Depths
from profiler.depth.figures import Extension, Sample
from profiler.metrics.catalogue import compute_metrics
from profiler.records.readings import TARGET, Reading
from profiler.records.target import Measured

PROMPT = 50
WORK = Workload("test", (tuple(range(PROMPT)),), 5)


@pytest.fixture
def extend(make_spec, make_case, make_repetition, make_ceilings):
    """Extend samples whose TTFT and step take what ``ttft_ms`` and ``step_ms`` say of a depth."""

    def go(ttft_ms, step_ms, depths, whole, count=8, failed=()):
        samples = {}
        for layers in depths.all:
            if layers in failed:
                continue
            spec = replace(make_spec(), layers=layers)
            runs, at_ms = [], 0
            for at in range(count):
                jitter = 1 + 0.002 * (at % 3 - 1)
                ends = [ttft_ms(layers) * jitter + step_ms(layers) * jitter * token for token in range(5)]
                runs.append(make_repetition(at_ms, tuple(ends)))
                at_ms += 10_000
            beside = [(10_000 * at - 1, 1e12) for at in range(count + 1)]
            ceilings = make_ceilings(read=beside, gemm={"float32": beside})
            case = make_case(runs, ceilings=ceilings, spec=spec, peak=1_000_000 + 1000 * layers)
            measured = Measured(case.measured.worker, compute_metrics(case.measured, case.context),
                                (Reading(TARGET, None, "no meter"),))  # fmt: skip
            samples[layers] = Sample(layers, measured, case.context)
        failures = {layers: "it broke" if layers in failed else "" for layers in depths.all}
        spec = replace(make_spec(), layers=whole)
        made = Extension(spec, WORK, "float32", depths, samples, failures)
        return made.figures(), made

    return go


def test_a_line_gives_the_whole_and_the_rates_follow(extend):
    figures, made = extend(lambda n: 100 + 20 * n, lambda n: 8 + 2 * n, Depths((1, 4), 6), 40)
    assert figures["ttft"].value == pytest.approx(0.9, rel=1e-6)
    assert figures["decode_throughput"].value == pytest.approx(1000 / 88, rel=1e-6)
    assert figures["prefill_throughput"].value == pytest.approx(PROMPT / 0.9, rel=1e-6)
    assert figures["peak_memory"].value == 1_040_000
    assert made.lines["decode_step"].at_none == pytest.approx(0.008, rel=1e-6)
    assert made.lines["decode_step"].check_off == pytest.approx(0, abs=1e-6)
    assert figures["ttft"].grade == figures["peak_memory"].grade == "derived"
    assert figures["ttft"].method.startswith("line through 1 and 4 of 40 layers; the third depth 6 was off by 0.0 %")
    assert figures["energy_per_output_token"].method == "no meter"
    assert figures["tpot_p99"].grade == "unavailable"


def test_utilisations_are_the_whole_models_bytes_over_its_extended_time(extend, make_spec):
    figures, _ = extend(lambda n: 100 + 20 * n, lambda n: 8 + 2 * n, Depths((1, 4), 6), 40)
    direct, _ = extend(lambda n: 100 + 20 * n, lambda n: 8 + 2 * n, Depths((1, 40)), 40)
    for name in ("mbu", "mfu"):
        assert figures[name].value == pytest.approx(direct[name].value, rel=1e-6)
        assert figures[name].value > 0


def test_the_interval_holds_what_a_bent_curve_was_off_at_the_third_depth(extend):
    depths, bent = Depths((1, 4), 6), lambda n: 100 + 20 * n + 0.2 * n * n
    figures, made = extend(bent, lambda n: 10 + n, depths, 40)
    low, high = figures["ttft"].ci95
    assert low < bent(40) / 1e3 * 0.95 and high > figures["ttft"].value
    straight, _ = extend(lambda n: 100 + 20 * n, lambda n: 10 + n, depths, 40)
    assert high - low > 2 * (straight["ttft"].ci95[1] - straight["ttft"].ci95[0])
    away = abs(made.lines["ttft"].check_off)
    assert f"was off by {100 * away:.1f} %" in figures["ttft"].method and away > 0.005


def test_few_repetitions_give_no_interval_and_say_so(extend):
    figures, _ = extend(lambda n: 100 + 20 * n, lambda n: 10 + n, Depths((1, 4)), 40, count=3)
    assert figures["ttft"].ci95 is None
    assert "fewer than 6 repetitions" in figures["ttft"].method and "no third depth" in figures["ttft"].method


def test_a_depth_that_failed_leaves_every_figure_unavailable_with_its_reason(extend):
    figures, _ = extend(lambda n: 100 + 20 * n, lambda n: 10 + n, Depths((1, 4), 6), 40, failed=(4,))
    assert {figure.grade for figure in figures.values()} == {"unavailable"}
    assert "4 layers" in figures["ttft"].method and "it broke" in figures["ttft"].method
    figures, _ = extend(lambda n: 100 + 20 * n, lambda n: 10 + n, Depths((1, 4), 6), 40, failed=(6,))
    assert figures["ttft"].value == pytest.approx(0.9, rel=1e-6)
    assert "no third depth" in figures["ttft"].method


def test_a_time_that_falls_with_depth_is_not_extended(extend):
    figures, _ = extend(lambda n: 100 - n, lambda n: 10 + n, Depths((1, 4)), 40)
    assert figures["ttft"].value is None and figures["prefill_throughput"].value is None
    assert "falls" in figures["ttft"].method
