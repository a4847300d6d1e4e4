"""`chipassay profile` from end to end on a tiny checkpoint: three targets, one bundle."""

import json

import jsonschema
import pytest

from backends.qwen.checkpoint import read_checkpoint
from profiler.metrics.catalogue import COMMON
from profiler.records.bundle import read_bundle
from profiler.records.codec import DOCUMENTS, json_schema

pytestmark = pytest.mark.slow

TARGETS = ("torch-cpu", "onnx-cpu", "onnx-cpu@int8")
IDS = ["torch-cpu@float32", "onnx-cpu@float32", "onnx-cpu@int8"]


@pytest.fixture(scope="module")
def finished(chipassay, small_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("profile") / "deep" / "bundle"
    targets = [word for target in TARGETS for word in ("--target", target)]
    cache = str(tmp_path_factory.mktemp("own-cache"))  # another test may have computed the same reference
    return chipassay(*small_run, *targets, "--out", out, "--json", CHIPASSAY_CACHE=cache), out


@pytest.fixture(scope="module")
def bundle(finished):
    return read_bundle(finished[1])


def test_it_ends_well_and_prints_one_json_document_with_progress_on_standard_error(finished):
    done, out = finished
    assert done.code == 0, done.err
    assert done.json["bundle"] == str(out)
    assert [target["id"] for target in done.json["targets"]] == IDS
    for target_id in IDS:
        assert f"{target_id}  " in done.err
    assert "parity passed" in done.err and "reference  computed" in done.err


def test_every_target_is_comparable_and_has_every_figure(bundle):
    assert [target.id for target in bundle.targets] == IDS
    for target in bundle.targets:
        assert target.status == "ok" and target.failure is None
        assert set(target.metrics) == {metric.name for metric in COMMON}
        for name in ("ttft", "prefill_throughput", "decode_throughput", "tpot_p50", "tpot_p99", "peak_memory"):
            assert target.metrics[name].value > 0, name
        mbu = target.metrics["mbu"]  # a model this small may come from a cache, faster than memory
        assert (mbu.value or mbu.raw) > 0
        assert target.metrics["energy_per_output_token"].method
    by_id = {target.id: target for target in bundle.targets}
    mfu = by_id["onnx-cpu@float32"].metrics["mfu"]
    assert (mfu.value or mfu.raw) > 0
    mfu = by_id["onnx-cpu@int8"].metrics["mfu"]
    assert (mfu.value or mfu.raw) > 0, "int8 has a ceiling too"


def test_model_and_workload_are_identified_alike_in_every_record(bundle, tiny_checkpoint):
    assert bundle.index.model.digest == read_checkpoint(tiny_checkpoint).digest
    assert {target.model_digest for target in bundle.targets} == {bundle.index.model.digest}
    assert {target.workload_digest for target in bundle.targets} == {bundle.index.workload.digest}
    workload = bundle.index.workload
    assert (workload.token_source, workload.prompt_tokens, workload.output_tokens) == ("tokenizer", 8, 4)


def test_raw_samples_are_kept(bundle):
    for target in bundle.targets:
        counted = [r for r in target.worker.repetitions if not r.warmup]
        assert len(counted) >= 3
        assert all(len(r.token_ns) == 4 and list(r.token_ns) == sorted(set(r.token_ns)) for r in counted)
        assert target.metrics["ttft"].n == len(counted)
        assert target.worker.pid not in {other.worker.pid for other in bundle.targets if other is not target}
        assert len(target.worker.parity.kl) == 4


def test_float32_targets_generate_the_references_tokens(bundle):
    for target in bundle.targets[:2]:
        counted = next(r for r in target.worker.repetitions if not r.warmup)
        assert counted.token_ids == bundle.reference.token_ids
        assert target.worker.parity.greedy_prefix_tokens == 4


def test_the_ceilings_enclose_every_repetition(bundle):
    at = [sample.at_ns for sample in bundle.ceilings["cpu"].read_samples]
    for target in bundle.targets:
        for one in target.worker.repetitions:
            if not one.warmup:
                assert min(at) <= one.start_ns and one.start_ns + one.token_ns[-1] <= max(at)


def test_the_packages_that_ran_are_recorded(bundle):
    torch_cpu, onnx_cpu, _ = bundle.targets
    assert {"torch", "transformers", "numpy"} <= set(torch_cpu.worker.packages)
    assert "onnxruntime" in onnx_cpu.worker.packages
    assert torch_cpu.worker.environment["OMP_NUM_THREADS"] == "1"


def test_an_export_is_not_counted_in_peak_memory_but_told(bundle):
    assert bundle.targets[1].measured.preparation["export_bytes"] > 0


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_valid_by_its_published_schema(finished, name):
    _, out = finished
    kind = name.partition("-")[0]
    pattern = {"target": "targets/*.json", "ceilings": "ceilings-*.json"}.get(kind, f"{kind}.json")
    paths = sorted(out.glob(pattern))
    assert len(paths) == (3 if kind == "target" else 1)
    for path in paths:
        jsonschema.Draft202012Validator(json_schema(name)).validate(json.loads(path.read_text()))


def test_the_command_to_run_it_again_is_kept(bundle):
    assert bundle.index.command.startswith("chipassay profile --model ")
    assert "--target onnx-cpu@int8" in bundle.index.command


def test_nothing_else_was_written(finished):
    _, out = finished
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]
    listed = set(json.loads((out / "bundle.json").read_text())["files"])
    on_disk = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert listed <= on_disk
    assert all(name == "bundle.json" or name.startswith("logs/") for name in on_disk - listed)


def test_every_worker_took_its_own_inventory_with_the_engines_it_had_loaded(bundle):
    for target in bundle.targets:
        inventory = target.worker.inventory
        assert inventory.fingerprint == bundle.host.fingerprint
        assert {"cpu", "memory", "operating-system"} <= {part.kind for part in inventory.components}
        assert any(part.kind == "engine" for part in inventory.components)
