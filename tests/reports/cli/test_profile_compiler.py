"""`chipassay profile` on paths whose chip is not here: a compiler and a simulator answer, and nothing runs."""

import json

import jsonschema
import pytest

from profiler.records.bundle import read_bundle
from reports.render.json_report import report_schema

pytestmark = pytest.mark.slow


def words(*targets):
    return [word for target in targets for word in ("--target", target)]


@pytest.fixture(scope="module")
def both(chipassay, small_run, tmp_path_factory):
    """A measured target and a modelled one, with the report."""
    out = tmp_path_factory.mktemp("both")
    done = chipassay(
        *small_run, *words("torch-cpu", "test-compiler:chip"), "--out", out / "bundle", "--report", out / "report"
    )
    return done, out


@pytest.fixture(scope="module")
def document(both):
    return json.loads((both[1] / "report" / "report.json").read_text())


@pytest.fixture(scope="module")
def failing(chipassay, small_run, tmp_path_factory):
    """Compilers only, each of which goes wrong in its own way."""
    out = tmp_path_factory.mktemp("failing") / "bundle"
    names = [f"test-compiler:{device}" for device in ("aborts", "refuses", "rubbish", "wrong")]
    done = chipassay(*small_run, *words(*names), "--out", out)
    return done, {record.device: record for record in read_bundle(out).targets}, out


def test_a_modelled_target_beside_a_measured_one_ends_well(both):
    done, out = both
    assert done.code == 0, done.err
    measured, modelled = read_bundle(out / "bundle").targets
    assert (measured.status, modelled.status) == ("ok", "modelled")
    assert modelled.id == "test-compiler:chip@float16", "a compiler's own default precision"
    assert modelled.worker is None and modelled.chip_id == "sophgo-bm1684x"
    assert "modelled, decode" in done.err and "Modelled by the vendor's tools; not run" in done.out


def test_its_figures_are_the_schedules_scaled_by_depth(both):
    modelled = read_bundle(both[1] / "bundle").targets[1]
    layers = modelled.examined.compiled.layers
    assert layers == 3
    ttft, tpot = modelled.metrics["ttft"], modelled.metrics["tpot_p50"]
    assert (ttft.value, ttft.grade) == (pytest.approx(layers * 4e-3 + 2e-3), "modelled")
    assert (tpot.value, tpot.grade) == (pytest.approx(layers * 0.5e-3 + 2e-3), "modelled")
    assert "the host's part is not in the times" in ttft.method and "3 x layer + head" in ttft.method
    graphs = {graph.name: graph for graph in modelled.examined.compiled.graphs}
    assert sorted(graph.copies for graph in graphs.values()) == [1, 3, 3]
    assert all(graph.cosine > 0.999999 and graph.max_abs_error < 1e-4 for graph in graphs.values())
    assert all(graph.rewrites["older_ir_version"] == 1 and graph.simulate_s > 0 for graph in graphs.values())
    assert modelled.parity.passed and modelled.parity.positions == 3


def test_no_ceiling_is_measured_for_a_precision_that_only_a_compiler_has(both):
    assert set(read_bundle(both[1] / "bundle").ceilings["cpu"].gemm) == {"float32"}


def test_the_report_tells_of_the_chip_and_keeps_it_out_of_every_conclusion(document):
    jsonschema.validate(document, report_schema())
    measured, modelled = document["targets"]
    assert measured["compiled"] is None and measured["parity"]["simulated_scope"] is None
    assert (modelled["hardware"]["chip"], modelled["hardware"]["designer_country"]) == ("Sophgo BM1684X", "CN")
    assert modelled["hardware"]["catalogue_ids"] == ["sophgo-bm1684x"]
    assert modelled["parity"]["simulated_scope"] == "the model cut to its first layer"
    assert modelled["compiled"]["simulated_on"] == measured["hardware"]["chip"]
    assert [graph["cycles"] for graph in modelled["compiled"]["graphs"]] == [4_000_000, 500_000, 2_000_000]
    assert (modelled["roofline"], modelled["relative_decode_throughput"], modelled["repetitions"]) == (None,) * 3
    assert document["conclusions"]["comparable"] == ["torch-cpu@float32"]
    assert [one["label"] for one in document["dependence"]["feasible"]] == ["torch-cpu@float32"]
    assert [one["label"] for one in document["dependence"]["modelled"]] == ["test-compiler:chip@float16"]
    assert document["dependence"]["infeasible"] == []


def test_without_a_target_that_runs_no_reference_is_computed_and_the_bundle_still_reads(failing):
    done, _, out = failing
    bundle = read_bundle(out)
    assert bundle.reference is None and not (out / "reference.npz").exists()
    assert bundle.ceilings == {} and bundle.index.state == "complete"
    assert "reference" not in [line.split()[0] for line in done.err.splitlines() if line.strip()]


def test_every_failure_is_told_and_the_others_go_on(failing):
    done, records, _ = failing
    assert done.code == 1
    assert {name: record.status for name, record in records.items()} == {
        "aborts": "failed", "refuses": "failed", "rubbish": "failed", "wrong": "not_comparable",
    }  # fmt: skip
    assert "SIGABRT" in records["aborts"].failure.reason
    assert "LLVM ERROR: out of registers" in records["aborts"].failure.stderr_tail
    assert "REGTASK: bit width exceeds the limit" in records["refuses"].failure.reason
    assert records["rubbish"].failure.reason and records["rubbish"].examined is None
    assert all(record.chip_id == "sophgo-bm1684x" for record in records.values())


def test_a_wrong_simulation_keeps_its_figures_and_is_said_to_be_wrong(failing):
    done, records, _ = failing
    wrong = records["wrong"]
    assert not wrong.parity.passed and wrong.metrics["ttft"].grade == "modelled"
    assert min(graph.cosine for graph in wrong.examined.compiled.graphs) < -0.99
    assert "top-1 agreement" in wrong.failure.reason
    assert "failed in simulation" in done.out and "excluded from all conclusions" in " ".join(done.out.split())


def test_a_report_without_any_measured_target_makes_sense(chipassay, failing):
    _, _, out = failing
    done = chipassay("report", out, "--format", "html,md,json,csv")
    assert done.code == 0, done.err
    found = json.loads((out / "report" / "report.json").read_text())
    jsonschema.validate(found, report_schema())
    assert found["conclusions"]["fastest"] is None and found["dependence"]["status"] == "not_computed"
    assert found["conclusions"]["summary"][1] == "Nothing was run, so nothing can be compared."
    failed = next(one for one in found["targets"] if one["device"] == "aborts")
    assert failed["hardware"]["chip"] == "Sophgo BM1684X", "of a failed one too, the chip and not the host"


def test_the_gate_refuses_a_run_in_which_nothing_was_measured(chipassay, failing, tmp_path):
    done = chipassay("baseline", "save", failing[2], "--dir", tmp_path / "baselines")
    assert done.code == 2 and "nothing was measured, only vendors' compilers were asked" in done.error


def test_a_device_that_the_path_does_not_know_is_unavailable(chipassay, small_run, tmp_path):
    done = chipassay(*small_run, *words("test-compiler:nothing"), "--out", tmp_path / "bundle")
    assert done.code == 3 and "test-compiler knows no chip nothing; name another" in done.error
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_cannot_compute_the_reference(chipassay, small_run, tmp_path):
    done = chipassay(*small_run, "--reference", "test-compiler:chip", "--out", tmp_path / "bundle")
    assert done.code == 2 and "test-compiler runs nothing, it asks its vendor's tools" in done.error


def test_devices_shows_a_compiler_as_what_it_is(chipassay):
    done = chipassay("devices", "--json")
    rows = {row["name"]: row for row in done.json["targets"]}
    assert rows["torch-cpu"]["figures"] == "measured" and rows["torch-cpu"]["chips"] == []
    assert rows["test-compiler"]["figures"] == "modelled" and rows["test-compiler"]["chips"][0] == "chip"
    assert rows["test-unimportable"]["figures"] is None
    text = chipassay("devices").out
    assert "shown separately; chips: chip, unlisted" in text
