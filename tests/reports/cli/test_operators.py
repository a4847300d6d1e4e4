"""`chipassay operators`: the portability matrix, as a user sees it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from backends.qwen.config import config_dict
from profiler.models.presets import presets
from tests.reports.bundles import bundle, write_bundle
from tests.reports.placed import placed_bundles, placements, with_operators

pytestmark = pytest.mark.slow

PATHS = [
    "onnx-cann graph", "onnx-cann sub-graph", "onnx-cann single-op", "nncase float", "nncase ptq", "ascend-model",
    "rknn", "tpu-mlir",
]  # fmt: skip


@pytest.fixture(scope="module")
def modelled_run(tmp_path_factory):
    """A bundle in which tpu-mlir and rknn placed the operators of Qwen3-0.6B; rknn rejects Sigmoid."""
    return write_bundle(placed_bundles()[2], tmp_path_factory.mktemp("bundles") / "vendors")


def test_the_matrix_as_json(chipassay):
    found = chipassay("operators", "--model", "qwen3-8b", "--json").json
    spec = presets()["qwen3-8b"].spec
    assert found["schema"] == "chipassay.operators/1"
    assert [path["name"] for path in found["paths"]] == PATHS
    for phase, flops in (("prefill", spec.prefill_flops(512) + 2 * spec.layers * spec.attention_width * 512 * 511),
                         ("decode", spec.decode_flops(513))):  # fmt: skip
        operators = found["phases"][phase]["operators"]
        assert operators[0]["operator"] == "MatMul" and operators[0]["flops"] == flops
        for share in ("flops_share", "bytes_share"):
            assert sum(one[share] for one in operators) == pytest.approx(1)
        for path in found["paths"]:
            assert sum(path["shares"][phase]["flops"].values()) == pytest.approx(1)
            placed = [one for one in path["operators"] if one["phase"] == phase]
            assert sum(one["count"] for one in placed) == found["phases"][phase]["count"]
            assert all(one["source"] for one in placed)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_matrix_fits_the_terminal_and_loses_no_column(chipassay, width):
    done = chipassay("operators", "--model", "qwen3-8b", COLUMNS=str(width))
    assert (done.code, done.err) == (0, "")
    assert all(len(line) <= width for line in done.out.splitlines())
    assert "…" not in done.out
    rows = [line for line in done.out.splitlines() if line.startswith("MatMul ")]
    places = " ".join(rows)
    assert places.count("chip p") == 3 and places.count("chip d") == 1, places
    assert places.count("chip c") == 3 and places.count("host c") == 1
    told = " ".join(done.out.split())
    assert "RMSNorm in PyTorch's form is compiled as a LayerNorm" in told and "com.microsoft::MatMulNBits" in told


@pytest.mark.parametrize("model", ["qwen3-30b-a3b", "qwen3.5-0.8b", "qwen3-next-80b-a3b"])
def test_newer_models_show_which_part_a_toolchain_refuses(chipassay, model):
    found = chipassay("operators", "--model", model, "--json").json
    names = [part["part"] for part in found["phases"]["decode"]["parts"]]
    rknn = next(path for path in found["paths"] if path["name"] == "rknn")
    assert ("router" in names) == ("rejected" in rknn["parts"]["decode"].get("router", {})) == (model != "qwen3.5-0.8b")
    if "router" in names:
        assert rknn["parts"]["decode"]["router"]["rejected"] == ["TopK"]
        text = chipassay("operators", "--model", model, COLUMNS="120").out
        assert "TopK, in router, decode: refused by rknn" in text


def test_one_toolchain_and_chip_in_one_phase(chipassay):
    done = chipassay("operators", "--model", "qwen3-8b", "--toolchain", "rknn:rk3568", "--phase", "decode", "--json")
    (path,) = done.json["paths"]
    assert (path["name"], path["chip"]) == ("rknn:rk3568", "rk3568")
    assert {one["operator"] for one in path["operators"] if one["where"] == "host"} == {"Gather", "Reshape", "Softmax"}
    assert list(done.json["phases"]) == ["decode"]
    other = chipassay("operators", "--model", "qwen3-8b", "--toolchain", "rknn:rk1", "--json").json["paths"][0]
    assert any("not tried for rk1 here" in remark for remark in other["remarks"])


def test_longer_prompts_and_other_precisions_change_the_counts(chipassay):
    short, long, narrow = (
        chipassay("operators", "--model", "qwen3-0.6b", "--toolchain", "rknn", "--json", *more).json["phases"]
        for more in (("--prompt-tokens", 128), ("--prompt-tokens", 256), ("--prompt-tokens", 128, "--dtype", "int4"))
    )
    assert long["prefill"]["flops"] > 2 * short["prefill"]["flops"]
    assert narrow["decode"]["flops"] == short["decode"]["flops"]
    assert narrow["decode"]["bytes_moved"] < short["decode"]["bytes_moved"] / 2


def test_what_a_run_recorded_goes_before_the_lists(chipassay, modelled_run):
    found = chipassay("operators", "--model", "qwen3-0.6b", "--bundle", modelled_run, "--json").json
    names = [path["name"] for path in found["paths"]]
    assert "rknn" not in names and "rknn:rk3588@float16" in names and "tpu-mlir:bm1684x@float16" in names
    path = found["paths"][names.index("rknn:rk3588@float16")]
    rejected = [one for one in path["operators"] if one["where"] == "rejected"]
    assert {one["operator"] for one in rejected} == {"Sigmoid"}
    assert path["recorded_in"] == "vendors" and path["shares"]["decode"]["counts"]["rejected"] == 28
    assert any("places of rknn:rk3588@float16 as vendors recorded them" in remark for remark in path["remarks"])
    text = chipassay("operators", "--bundle", modelled_run, COLUMNS="120").out
    assert "rejected c" in text and "rejected: the path cannot run it" in text
    assert text.startswith("qwen3-0.6b in float16")


def test_a_run_of_fewer_layers_places_the_whole_model(chipassay, tmp_path):
    made = placed_bundles()[2]
    cut = replace(made.index, model=replace(made.index.model, spec=made.index.model.spec.with_layers(1)))
    folder = write_bundle(replace(made, index=cut), tmp_path / "cut")
    found = chipassay("operators", "--model", "qwen3-0.6b", "--bundle", folder, "--json").json
    path = next(one for one in found["paths"] if one["name"].startswith("rknn:"))
    assert path["shares"]["decode"]["counts"]["rejected"] == 28
    assert found["model"]["layers"] == 28


def test_two_runs_of_one_target_are_told_apart(chipassay, modelled_run, tmp_path):
    again = write_bundle(placed_bundles()[2], tmp_path / "again")
    names = [path["name"] for path in chipassay("operators", "--bundle", modelled_run, "--bundle", again,
                                                "--toolchain", "rknn", "--json").json["paths"]]  # fmt: skip
    assert names == ["rknn:rk3588@float16 (vendors)", "rknn:rk3588@float16 (again)"]


def test_a_checkpoint_needs_its_dimensions_only(chipassay, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config_dict(presets()["qwen3-4b"].spec)))
    own = chipassay("operators", "--model", tmp_path, "--json").json["phases"]
    assert own == chipassay("operators", "--model", "qwen3-4b", "--json").json["phases"]


@pytest.mark.parametrize(("arguments", "message"), [
    ((), "no model given: name one (--model qwen3-8b)"),
    (("--model", "qwen3-9b"), "or 'qwen3-8b'"),
    (("--model", "qwen3-8b", "--toolchain", "rkn"), "did you mean 'rknn'?"),
    (("--model", "qwen3-8b", "--dtype", "fp16"), "did you mean 'float16'?"),
    (("--model", "qwen3-8b", "--prompt-tokens", "0"), "--prompt-tokens"),
    (("--model", "qwen3-8b", "--phase", "train"), "'train' is not one of"),
    (("--bundle", "nowhere"), "nowhere does not exist"),
])  # fmt: skip
def test_wrong_input_is_one_line(chipassay, arguments, message):
    done = chipassay("operators", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.error


def test_a_bundle_that_does_not_help_is_told(chipassay, modelled_run, tmp_path):
    done = chipassay("operators", "--model", "qwen3-8b", "--bundle", modelled_run)
    assert done.code == 2 and "is a run of qwen3-0.6b, not of qwen3-8b" in done.error
    done = chipassay("operators", "--bundle", write_bundle(bundle(), tmp_path / "plain"))
    assert done.code == 2 and "records no operators" in done.error


def test_no_engine_is_imported(environment):
    script = (
        "import sys; from reports.cli.main import cli; cli.main(['operators', '--model', 'qwen3-32b', '--json'], "
        "standalone_mode=False); print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)), "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.strip() == "[]"


def test_the_placements_of_the_tests_are_of_the_model():
    assert {one.phase for one in placements()} == {"prefill", "decode"}


def test_notes_and_parts_of_one_place_are_one_cell(chipassay, tmp_path):
    """As nncase records them: the same place twice, for the model's own nodes and for those the compiler put in."""
    made = placed_bundles()[2]
    record = next(one for one in made.targets if one.operators)
    first = next(one for one in record.operators if (one.phase, one.operator) == ("decode", "Reshape"))
    added = replace(first, count=61, note="put in by the compiler")
    told = with_operators(record, (*record.operators, added))
    folder = write_bundle(
        replace(made, targets=(told,), index=replace(made.index, target_ids=(told.id,))), tmp_path / "n"
    )
    text = chipassay("operators", "--bundle", folder, "--toolchain", "tpu-mlir", COLUMNS="120").out
    (row,) = [line for line in text.splitlines() if line.startswith("Reshape ")]
    assert row.split()[-2:] == ["chip", "c¹"], row
    assert "¹ Reshape: put in by the compiler" in text
