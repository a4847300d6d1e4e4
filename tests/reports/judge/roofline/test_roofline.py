"""What a phase needs, what was reached of each ceiling, and where published figures put it: worked by hand."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import jsonschema
import pytest

from backends.qwen.channels import Experts
from backends.qwen.config import config_dict
from backends.qwen.mixers import DeltaNet
from profiler.chips import load_chips
from profiler.metrics.catalogue import Context, decode_step_bytes
from profiler.models.presets import presets
from profiler.records.ceilings import CeilingSample
from profiler.records.host import Host
from reports.document.language import ENGLISH
from reports.document.sections.roofline import verdict_of, verdict_sentences
from reports.judge.comparison.comparison import compare
from reports.judge.dependence import dependence
from reports.judge.judgement import judge
from reports.judge.projection.evidence import own_evidence
from reports.judge.projection.rows import own_rows
from reports.judge.roofline import PHASES, decode_work, prefill_work
from reports.judge.roofline.ceilings import declared_roof
from reports.judge.roofline.published import published, usual_range
from reports.render.json_report import render_json, report_schema
from tests.outcomes import altered
from tests.reports.bundles import (
    QWEN3_06B,
    bundle,
    ceilings,
    cuda_target,
    digest_of,
    h200_bundle,
    known_chip,
    kunpeng_bundle,
    repetitions,
    target,
)


def study_of(*bundles):
    comparison = compare(bundles)
    return comparison.groups[0], dependence(comparison.groups[0], comparison)


def test_the_work_of_a_tiny_model_by_hand(make_spec):
    # 3 layers, hidden 64, 4 heads of 16 (attention 64), 2 KV heads (32), MLP 128, vocabulary 512.
    spec = make_spec()
    per_layer = 64 * (64 + 32 + 32 + 64) + 3 * 64 * 128
    decode = decode_work(spec, "float32", "float32", 20, 2)
    assert decode.flops == {
        "projections": 2 * 3 * per_layer * 2, "attention": 4 * 3 * 64 * 20 * 2, "logits": 2 * 512 * 64 * 2,
    }  # fmt: skip
    vectors = 3 * (2 * 64 + 2 * 16) + 64
    assert decode.bytes_moved == {
        "weights": 4 * (3 * per_layer + 512 * 64 + vectors), "kv_cache": 2 * (3 * 2 * 32 * 4) * 20,
    }  # fmt: skip
    prefill = prefill_work(spec, "float32", "float32", 10, 2)
    assert prefill.tokens == 20
    assert prefill.flops["attention"] == 2 * 3 * 4 * 64 * (10 * 11 / 2)
    assert prefill.total_flops == 2 * spec.prefill_flops(10)
    assert prefill.intensity_flop_per_byte == prefill.total_flops / prefill.total_bytes


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_operations_are_those_that_pytorch_counts(make_spec, architecture):
    """PyTorch counts every pair of positions in attention; a causal prompt needs the lower triangle only."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from backends.qwen.torch_model import network_classes

    spec = make_spec(architecture=architecture)
    config_class, network_class = network_classes(spec.family)
    network = network_class(config_class(**config_dict(spec), attn_implementation="eager")).eval()
    tokens, context = 24, 25
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            out = network(torch.zeros((2, tokens), dtype=torch.long), logits_to_keep=1)
        prefill = counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros((2, 1), dtype=torch.long), past_key_values=out.past_key_values)
        decode = counter.get_total_flops()
    need = prefill_work(spec, "float32", "float32", tokens, 2)
    square = need.flops["attention"] * 2 * tokens / (tokens + 1)
    # Both also multiply the rotary frequencies by the positions, once: head_dim / 2 products a token.
    assert prefill == pytest.approx(need.flops["projections"] + square + need.flops["logits"], rel=2e-3)
    assert decode == pytest.approx(decode_work(spec, "float32", "float32", context, 2).total_flops, rel=2e-3)


def test_a_mixture_counts_the_experts_that_are_used(make_spec):
    mixture = make_spec(architecture="qwen3_moe", intermediate_size=0, experts=Experts(8, 2, 32))
    attention = 64 * (2 * 64 + 2 * 32)
    work = decode_work(mixture, "bfloat16", "bfloat16", 10, 1)
    assert work.flops["projections"] == 2 * 3 * (attention + 64 * (8 + 3 * 2 * 32))
    matrices = 3 * (attention + 64 * (8 + 3 * 2 * 32)) + 512 * 64
    assert work.bytes_moved["weights"] == 2 * (matrices + 3 * (2 * 64 + 2 * 16) + 64)
    assert mixture.distinct_experts(1) == pytest.approx(2)
    assert mixture.distinct_experts(2) == pytest.approx(8 * (1 - 0.75**2))
    assert mixture.distinct_experts(10_000) == pytest.approx(8)
    two = decode_work(mixture, "bfloat16", "bfloat16", 10, 2)
    more = 2 * 3 * 3 * 64 * 32 * (8 * (1 - 0.75**2) - 2)  # bytes, layers, matrices
    assert two.bytes_moved["weights"] - work.bytes_moved["weights"] == pytest.approx(more)


def test_a_recurrent_state_is_read_and_written_and_no_context_enters_its_work(make_spec):
    hybrid = make_spec(architecture="qwen3_5", layers=4, full_every=4, delta=DeltaNet(2, 4, 16, 16, 4))
    work = decode_work(hybrid, "bfloat16", "bfloat16", 10, 3)
    assert work.bytes_moved["state"] == 2 * 3 * 3 * (4 * 16 * 16 * 4 + (2 * 2 * 16 + 4 * 16) * 3 * 2)
    longer = decode_work(hybrid, "bfloat16", "bfloat16", 20, 3)
    assert longer.flops["attention"] - work.flops["attention"] == 3 * 4 * hybrid.attention_width * 10


def test_utilisation_agrees_with_the_recorded_metrics():
    group, study = study_of(bundle())
    for row in group.conclusive:
        decode, prefill = (study.positions[row.place, phase] for phase in ("decode", "prefill"))
        assert decode.measured.mbu.value == pytest.approx(row.metric("mbu").value, rel=1e-12)
        assert decode.measured.mbu.ci95 == pytest.approx(row.metric("mbu").ci95, rel=1e-12)
        assert prefill.measured.mfu.value == pytest.approx(row.metric("mfu").value, rel=1e-12)
        worker, context = row.record.worker, Context(QWEN3_06B, 128, row.record.precision)
        assert decode.work.total_bytes == decode_step_bytes(worker, context, worker.repetitions[0])


def test_shares_by_hand_and_the_ceiling_that_binds():
    # One device: 1e10 B/s and 2e11 FLOP/s. Each of 7 steps a repetition takes exactly 0.5 s.
    sample = CeilingSample(0, 1e10, 10**9), CeilingSample(10**15, 1e10, 10**9)
    gemm = CeilingSample(0, 2e11, 10**9), CeilingSample(10**15, 2e11, 10**9)
    limits = replace(ceilings(1e10, {"float32": 2e11}), read_samples=sample, gemm_samples={"float32": gemm})
    record = target("torch-cpu", "float32", 1.0, 0.5, under=limits)
    runs = tuple(replace(run, token_ns=tuple(range(10**9, 10**9 + 64 * 5 * 10**8, 5 * 10**8)))
                 for run in repetitions(1.0, 0.5, 7, 1))  # fmt: skip
    record = altered(record, worker=replace(record.worker, repetitions=runs))
    group, study = study_of(bundle(targets=(record,), limits={"cpu": limits}))
    place = study.positions[group.conclusive[0].place, "decode"]
    need_bytes = QWEN3_06B.decode_weight_bytes("float32") + QWEN3_06B.kv_bytes_per_token("float32") * 160
    assert place.measured.mbu.value == pytest.approx(need_bytes / 0.5 / 1e10)
    assert place.measured.mfu.value == pytest.approx(QWEN3_06B.decode_flops(160) / 0.5 / 2e11)
    assert place.measured.bound == "bandwidth" and place.measured.share is place.measured.mbu
    assert study.positions[group.conclusive[0].place, "prefill"].measured.bound == "compute"


def test_declared_peaks_are_the_catalogues():
    _, study = study_of(h200_bundle())
    place = study.positions[0, "decode"]
    assert place.declared.roof.bandwidth.value == 4.8e12
    assert place.declared.roof.compute.value == pytest.approx(989.4e12)
    assert place.declared.mbu.value == pytest.approx(place.byte_per_s / 4.8e12, rel=0.02)
    assert place.declared.mbu.grade == "declared"
    _, unknown = study_of(bundle())
    assert "no datasheet can be named" in unknown.positions[0, "decode"].declared.mbu.method


def test_a_datasheet_of_a_whole_package_says_so():
    _, study = study_of(kunpeng_bundle())
    roof = declared_roof(study.standings[0], "float32", 2)
    assert "whole package of" in roof.bandwidth.method and "this run used 2 threads" in roof.bandwidth.method
    missing = declared_roof(study.standings[0], "float8_e4m3fn")
    assert missing.compute.value is None and "no dense float8_e4m3fn peak" in missing.compute.method


def test_published_figures_are_the_rows_that_projections_rest_on():
    rows = {row.place: row for row in own_rows()}
    chips = {chip.id: chip for chip in load_chips().chips}
    used = {one.place for one in own_evidence().observations}
    assert len(published()) == len({figure.place for figure in published()}) > 150
    for figure in published():
        row = rows[figure.place]
        assert figure.place in used, "what a projection leaves out is no published speed here"
        assert (figure.source, figure.confidence) == (row["source"], row["confidence"]) and figure.source
        assert row["batch"] in ("", "1") and row["count"].startswith("1")
        assert float(row["input_len"]) + float(row["output_len"]) <= 8192
        assert all(chips[name].memory_bandwidth_gb_s for name in figure.chips)
        assert figure.step_bytes > 0
        assert figure.decode_tok_s == pytest.approx(float(row["value"]), rel=1e-9)
        assert figure.definition.startswith(row["speed_definition"] or row["metric"])


def test_a_published_name_that_fits_two_chips_speaks_of_both():
    work = decode_work(presets()["qwen2.5-7b"].spec, "bfloat16", "bfloat16", 160, 1)
    sxm, pcie = (usual_range(load_chips().get(f"nvidia-a100-{form}-80gb"), work, "bfloat16", 1) for form in
                 ("sxm", "pcie"))  # fmt: skip
    pages = [figure for figure in sxm.figures if "QwenLM" in figure.source]
    assert pages and [figure for figure in pcie.figures if "QwenLM" in figure.source] == pages
    assert {figure.definition for figure in pages if figure.includes_prefill}


@pytest.mark.parametrize(("share", "where"), [(0.001, "below"), (0.05, "inside"), (0.9, "above")])
def test_a_speed_is_placed_among_those_of_its_chip_size_and_precision(share, where):
    chip = load_chips().get("nvidia-h20-96gb")
    work = decode_work(presets()["qwen3-0.6b"].spec, "bfloat16", "bfloat16", 160, 1)
    usual = usual_range(chip, work, "bfloat16", 1)
    # Qwen3-0.6B on an H20: SGLang 413.97 tok/s after one prompt token, 1025 tokens of context on average.
    spec = presets()["qwen3-0.6b"].spec
    fastest = spec.decode_weight_bytes("bfloat16") + 1025.5 * spec.kv_bytes_per_token("bfloat16")
    assert usual.shares[-1] == pytest.approx(fastest * 413.97 / 4e12, rel=1e-5)
    assert {figure.format for figure in usual.figures} == {"bf16"}
    assert usual.place(share) == where
    assert usual_range(chip, work, "bfloat16", 8) is None
    assert usual_range(None, work, "bfloat16", 1) is None
    assert usual_range(load_chips().get("nvidia-h200-sxm"), work, "bfloat16", 1) is None
    large = decode_work(presets()["qwen3-32b"].spec, "bfloat16", "bfloat16", 160, 1)
    assert usual_range(chip, large, "bfloat16", 1) is None


def test_a_converted_figure_says_what_was_converted():
    figures = [figure for figure in published() if "nvidia-h20-96gb" in figure.chips]
    assert figures and all("prompt tokens counted as output" in figure.definition for figure in figures)


def test_the_verdict_names_number_range_and_sources_of_published_figures():
    on = Host(digest_of("h20 server"), (known_chip("nvidia-h20-96gb", "accelerator", pci_address="0000:3B:00.0"),), {})
    made = h200_bundle(on=on, targets=(cuda_target(tpot_s=0.004),))
    group, study = study_of(made)
    said = verdict_of(group.conclusive[0], study, group, ENGLISH)
    assert re.search(
        r"2 published figures for this chip, size and precision are between 1\.92\u202f% and 13\.6\u202f%", said[2]
    )
    assert "Transformers BF16" in said[2] and "SGLang BF16 414\u202ftok/s" in said[2] and "is inside" in said[2]
    assert "QwenLM/Qwen3@c7f51a1" in said[3] and "2 of the figures count the prefill's time too" in said[3]
    document = json.loads(render_json(judge(compare([made]))))
    jsonschema.validate(document, report_schema())
    found = document["targets"][0]["roofline"]["published"]
    assert (found["n"], found["place"]) == (2, "inside")
    fastest = found["figures"][-1]
    assert fastest["decode_tok_s"] == pytest.approx(413.97) and fastest["includes_prefill"] is True
    assert fastest["row"].startswith("qwen_speed.csv:") and fastest["context_tokens"] == 1025.5


def test_the_verdict_names_the_ceiling_and_how_far_it_is():
    group, study = study_of(bundle())
    row = group.conclusive[0]
    places = {phase: study.positions[row.place, phase] for phase in PHASES}
    said = verdict_sentences(row, places, study.standings[row.place], ENGLISH, 1)
    assert said[0].startswith("Decode: 10.6\u202ftok/s. The read bandwidth ceiling binds and 89.9")
    assert "1.11 times" in said[0]
    assert "matrix product ceiling binds" in said[1]
    assert said[2].startswith(f"Of the {len(published())} published figures at hand, 0 are")


def test_without_ceilings_the_verdict_says_why_not():
    group, study = study_of(bundle(with_ceilings=False))
    row = group.conclusive[0]
    places = {phase: study.positions[row.place, phase] for phase in PHASES}
    assert places["decode"].measured.bound is None
    said = verdict_sentences(row, places, study.standings[row.place], ENGLISH, 1)
    assert "no ceiling was measured for this device in the run" in said[0]
    assert math.isfinite(places["decode"].flop_per_s)
