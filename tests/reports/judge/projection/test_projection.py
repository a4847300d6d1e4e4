"""Projections as the report will call them: intervals, missing figures, devices needed, energy, own bundles."""

import json
from dataclasses import replace

import pytest

from backends.common.errors import InputError
from profiler.chips import load_chips
from profiler.records.bundle import read_bundle
from profiler.records.host import Component
from reports.judge.projection import MODEL_VERSION, project, track_record
from reports.judge.projection.explain import explain
from reports.judge.projection.own_runs import observations_of
from reports.judge.projection.projection import projector
from reports.judge.reason import Reason
from reports.render.projection_json import projection_json
from tests.reports.bundles import bundle, h200_bundle, host, target, write_bundle

CHIPS = ["nvidia-h20-96gb", "huawei-ascend-910b3", "rockchip-rk3576", "hygon-dcu-k100-ai"]


@pytest.fixture(scope="module")
def answer():
    return project(CHIPS, model="qwen3-32b", prompt_tokens=128, output_tokens=1024)


def by_id(found):
    return {chip.chip_id: chip for chip in found.chips}


def test_every_figure_is_modelled_and_lies_in_its_interval(answer):
    assert [chip.chip_id for chip in answer.chips] == CHIPS
    known = 0
    for chip in answer.chips:
        for name, figure in chip.figures.items():
            quantity = figure.quantity
            if quantity.value is None:
                assert quantity.grade == "unavailable"
                assert figure.why.code in ("no_bandwidth", "no_peak", "no_power", "memory_open")
                continue
            known += 1
            assert quantity.grade == "modelled", name
            assert MODEL_VERSION in quantity.method
            assert quantity.ci95 is None
            low, high = figure.interval_80
            assert low <= quantity.value <= high
    assert known >= 15


def test_throughput_is_the_inverse_of_the_step(answer):
    figures = by_id(answer)["nvidia-h20-96gb"].figures
    assert figures["decode_throughput"].quantity.value * figures["tpot"].quantity.value == pytest.approx(1)
    assert figures["decode_throughput"].interval_80[1] * figures["tpot"].interval_80[0] == pytest.approx(1)


def test_energy_is_board_power_times_time(answer):
    chip = by_id(answer)["nvidia-h20-96gb"]
    ttft, tpot = (chip.figures[name].quantity.value for name in ("ttft", "tpot"))
    low, high = load_chips().get("nvidia-h20-96gb").bounds("tdp_w")
    expected = (low * high) ** 0.5 * (ttft / 1024 + tpot)
    assert chip.figures["energy_per_output_token"].quantity.value == pytest.approx(expected, rel=0.01)


def test_a_missing_figure_is_named_and_the_others_still_projected(answer):
    without = by_id(answer)["rockchip-rk3576"]
    assert without.figures["tpot"].quantity.value is None
    assert without.figures["tpot"].why == Reason("no_bandwidth", {"chip": "Rockchip RK3576 (NPU)"})
    assert without.figures["devices_needed"].quantity.value == 8
    assert by_id(answer)["huawei-ascend-910b3"].figures["tpot"].quantity.value is not None


def test_devices_needed_and_why_when_the_model_does_not_fit():
    plain, forced = (
        by_id(project(["nvidia-h20-96gb"], model="qwen2.5-72b", devices=devices))["nvidia-h20-96gb"]
        for devices in (None, 1)
    )
    # 145 GB of weights in 0.9 x 96 GB.
    assert plain.devices == plain.figures["devices_needed"].quantity.value == 2
    assert plain.fits
    assert not forced.fits
    assert forced.figures["tpot"].why == Reason("too_few_devices", {"needed": 2, "devices": 1})
    assert forced.figures["memory"].quantity.value >= 145e9


def test_memory_is_never_less_than_weights_and_cache(answer):
    for chip in answer.chips:
        stored = 2 * 32_762_123_264 + 1152 * 2 * 64 * 1024 * 2
        assert chip.figures["memory"].interval_80[0] >= 0.999 * stored


def test_more_devices_a_longer_prompt_and_a_larger_batch():
    def figures(**changes):
        return project(["nvidia-a100-sxm-80gb"], model="qwen3-8b", **changes).chips[0].figures

    plain = figures()
    assert figures(devices=4)["tpot"].quantity.value < plain["tpot"].quantity.value
    assert figures(prompt_tokens=8000)["ttft"].quantity.value > 10 * plain["ttft"].quantity.value
    batched = figures(batch=32)
    assert batched["decode_throughput"].quantity.value > 5 * plain["decode_throughput"].quantity.value
    assert batched["energy_per_output_token"].quantity.value < plain["energy_per_output_token"].quantity.value


def test_disputed_figures_widen_the_interval(tmp_path):
    text = """\
schema: chipassay.chips/1
sources: {ME: {name: me, ref: here, retrieved: true, quality: mine}}
chips:
"""
    entry = """\
  - {{id: my-{0}, name: My {0}, vendor: Mine, vendor_hq_country: DE, designer_country: DE, kind: gpu, status: planned,
     pattern: 'My {0}', memory_gb: 80, {1} peak_dense_tops: {{bf16: 300}}, datacenter_marketed: true,
     evidence: [{{of: memory, sources: [ME], confidence: low}}, {{of: peak_dense_tops, sources: [ME], confidence: low}},
     {{of: ranges, sources: [ME], confidence: low}}, {{of: identity, sources: [ME], confidence: low}}]}}
"""
    path = tmp_path / "mine.yaml"
    path.write_text(
        text
        + entry.format("sure", "memory_bandwidth_gb_s: 2000,")
        + entry.format("unsure", "ranges: {memory_bandwidth_gb_s: [1000, 4000]},")
    )
    sure, unsure = project(["my-sure", "my-unsure"], model="qwen3-8b", overlay=path).chips
    assert unsure.figures["tpot"].quantity.value == pytest.approx(sure.figures["tpot"].quantity.value)
    widths = [c.figures["tpot"].interval_80[1] / c.figures["tpot"].interval_80[0] for c in (sure, unsure)]
    assert widths[1] > 2 * widths[0]


def test_explanation_adds_up(answer):
    for one in explain(answer, projector()):
        assert sum(parameter.step_share for parameter in one.parameters) == pytest.approx(1)
        for parameter in one.parameters:
            product = 1.0
            for factor in parameter.levels.values():
                product *= factor
            assert product == pytest.approx(parameter.value)
        assert all(row.source for row in one.rows)
    h20 = explain(answer, projector())[0]
    assert len(h20.rows) == h20.results["chip sglang x nvidia-h20"] >= 30


def test_json_has_plain_values_and_the_track_record_beside(answer):
    made = json.loads(json.dumps(projection_json(answer, track_record()), allow_nan=False))
    figure = made["chips"][0]["figures"]["tpot"]
    assert set(figure) == {"value", "unit", "grade", "method", "n", "interval_80"}
    groups = made["track_record"]["groups"]
    assert {"n", "median_absolute_percentage_error", "interval_coverage"} < set(groups[0])
    assert made["schema"] == MODEL_VERSION


@pytest.fixture
def own(tmp_path):
    """A bundle whose processor the catalogue knows."""
    cpu = Component("cpu", "AMD EPYC 9654", "AMD", "US", {"chip": {"status": "exact", "id": "amd-epyc-9654"}})
    known = host()
    known = replace(known, components=(cpu, *known.components[1:]))
    return read_bundle(write_bundle(bundle(on=known), tmp_path / "run"))


def test_a_bundle_gives_model_workload_and_its_own_efficiency(own):
    found = project(["amd-epyc-9654", "nvidia-h20-96gb"], bundle=own)
    assert (found.model, found.prompt_tokens, found.output_tokens, found.batch) == ("qwen3-0.6b", 128, 64, 1)
    here, there = found.chips
    measured = own.targets[1].metrics["decode_throughput"].value
    assert here.figures["decode_throughput"].quantity.value == pytest.approx(measured, rel=0.1)
    assert here.stack == "chipassay-onnx-cpu"
    anchored = {"place": "run/onnx-cpu@float32", "precision": "fp32"}
    assert here.notes[0] == Reason("anchored_measured", anchored)
    assert (here.anchor, there.anchor) == ("run/onnx-cpu@float32", None)
    assert there.stack == "sglang"
    assert found.own_figures == 6


def test_only_comparable_targets_are_evidence(own):
    # The int4 target failed parity, int8 and cuda did not run.
    assert {o.situation.format.id for o in observations_of(own)} == {"fp32"}
    assert {o.figure for o in observations_of(own)} == {"prefill", "step", "memory"}
    assert all(o.own_bundle for o in observations_of(own))


@pytest.mark.parametrize(
    ("precision", "wanted"), [("float32", "fp32"), ("bfloat16", "bf16"), ("int8", "int8"), ("int4", "int4")]
)
def test_a_target_is_evidence_in_its_own_number_format(precision, wanted):
    made = bundle(targets=(target("onnx-cpu", precision, 1.4, 0.18),))
    assert {o.situation.format.id for o in observations_of(made)} == {wanted}


def test_an_accelerator_is_evidence_as_the_chip_its_engine_named():
    found = observations_of(h200_bundle(with_cpu=True))
    assert {o.situation.device.chip_id for o in found if "cuda" in o.place} == {"nvidia-h200-sxm"}
    assert {o.situation.device.chip_id for o in found if "cpu" in o.place} == {"amd-epyc-7763"}


def test_without_ceilings_or_a_known_chip_only_memory_is_evidence(tmp_path):
    made = bundle(targets=(target("torch-cpu", "float32", 1.4, 0.18),), with_ceilings=False)
    found = observations_of(read_bundle(write_bundle(made, tmp_path / "run")))
    assert [o.figure for o in found] == ["memory"]


@pytest.mark.parametrize(
    ("chips", "wanted", "message"),
    [
        (["nvidia-h20-96gbb"], {"model": "qwen3-8b"}, "nvidia-h20-96gb"),
        (["nvidia-h20-96gb"], {"model": "qwen3-9b"}, "did you mean .*'qwen3-8b'"),
        (["nvidia-h20-96gb"], {"model": "qwen3-30b-a3b"}, "qwen3-30b-a3b cannot be projected: qwen3_moe"),
        (["nvidia-h20-96gb"], {"model": "qwen3-vl-2b"}, "qwen3-vl-2b cannot be projected: qwen3_vl"),
        (["nvidia-h20-96gb"], {"model": "qwen3-8b", "precision": "bf17"}, "did you mean 'bf16'"),
        (["nvidia-h20-96gb"], {"model": "qwen3-8b", "stack": "vlm"}, "did you mean 'vllm'"),
        (["nvidia-h20-96gb"], {}, "give a bundle, or --model"),
        ([], {"model": "qwen3-8b"}, "at least one chip"),
        (["Ascend 910B"], {"model": "qwen3-8b"}, "ambiguous chip"),
    ],
)
def test_bad_input(chips, wanted, message):
    with pytest.raises(InputError, match=message):
        project(chips, **wanted)
