"""Lists and probes of each toolchain: what was found is placed as it was found; a wrong file is told with its line."""

from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.common.errors import InputError
from backends.operators.count import count_model
from backends.operators.placement import OperatorPlacement
from backends.operators.shares import EVIDENCES, WHERES, shares, weakest_evidence, with_recorded
from backends.operators.support import find_support, load_support, place, place_operator, supports

PROBED = ("onnx-cann", "tpu-mlir", "rknn", "nncase")


def where(toolchain, operator, mode="", chip="", precision="float16"):
    support, _ = find_support(toolchain)
    found = place_operator(support, support.mode(mode, precision), chip, operator)
    return found.where, found.evidence


def test_every_toolchain_has_all_probes_and_they_are_of_one_set():
    cases = {name: [probe.case for probe in supports()[name].probes] for name in PROBED}
    assert all(len(set(found)) == 104 for found in cases.values())
    assert len({frozenset(found) for found in cases.values()}) == 1


@pytest.mark.parametrize(("toolchain", "result", "count"), [
    ("tpu-mlir", "ok", 39), ("tpu-mlir", "not_probed", 55), ("rknn", "npu", 50), ("rknn", "cpu_fallback", 46),
    ("rknn", "rejected", 8), ("nncase", "ok", 83), ("nncase", "rejected", 21),
])  # fmt: skip
def test_no_result_was_lost_on_the_way(toolchain, result, count):
    assert sum(probe.results[""] == result for probe in supports()[toolchain].probes) == count


@pytest.mark.parametrize(
    ("mode", "result", "count"),
    [
        ("sub-graph", "cann", 87),
        ("sub-graph", "cpu", 15),
        ("sub-graph", "mixed", 2),
        ("single-op", "cann", 25),
        ("single-op", "cpu", 67),
        ("single-op", "mixed", 12),
    ],
)
def test_no_result_of_the_rehearsal_was_lost_either(mode, result, count):
    assert sum(probe.results[mode] == result for probe in supports()["onnx-cann"].probes) == count


@pytest.mark.parametrize(("toolchain", "operator", "expected"), [
    ("rknn", "Gather", ("host", "compiled")),  # in the list, and on the CPU in whole graphs
    ("rknn", "Max", ("host", "compiled")),  # in the list, on the CPU alone
    ("rknn", "com.microsoft::MatMulNBits", ("rejected", "compiled")),  # taken, on the CPU, in no list
    ("rknn", "Round", ("rejected", "compiled")),
    ("rknn", "Neg", ("accelerator", "compiled")),  # in no list, and yet on the NPU
    ("rknn", "Softmax", ("accelerator", "compiled")),
    ("rknn", "NonZero", ("unknown", "declared")),  # an older list proves nothing by silence
    ("rknn", "BatchNormalization", ("accelerator", "declared")),
    ("tpu-mlir", "Gelu", ("rejected", "compiled")),
    ("tpu-mlir", "Cast", ("rejected", "compiled")),  # the list has it; what the compiler did is stronger
    ("tpu-mlir", "LayerNormalization", ("accelerator", "declared")),  # not probed: only the list knows
    ("tpu-mlir", "RMSNormalization", ("rejected", "declared")),  # not probed, and the converter has no such name
    ("nncase", "MatMul", ("host", "compiled")),
    ("nncase", "Reciprocal", ("rejected", "compiled")),
    ("nncase", "Reshape", ("host", "compiled")),  # rejected only with an attribute that the export has not
    ("ascend-model", "MatMul", ("accelerator", "declared")),
    ("ascend-model", "Gather", ("unknown", "declared")),
    ("onnx-cann", "MatMul", ("accelerator", "partitioned")),
    ("onnx-cann", "NoSuchOperator", ("unknown", "declared")),
])  # fmt: skip
def test_the_strongest_evidence_decides(toolchain, operator, expected):
    assert where(toolchain, operator) == expected


@pytest.mark.parametrize(("mode", "operator", "expected"), [
    ("graph", "Softmax", ("accelerator", "partitioned")),
    ("sub-graph", "Softmax", ("accelerator", "partitioned")),
    ("single-op", "Softmax", ("host", "partitioned")),
    ("sub-graph", "LayerNormalization", ("host", "partitioned")),
    ("sub-graph", "Tan", ("host", "partitioned")),
    ("sub-graph", "BitShift", ("accelerator", "declared")),
    ("sub-graph", "GroupNormalization", ("host", "declared")),
    ("single-op", "Equal", ("host", "partitioned")),
])  # fmt: skip
def test_modes_of_the_ascend_provider_differ(mode, operator, expected):
    assert where("onnx-cann", operator, mode) == expected


def test_a_chip_is_placed_as_it_was_seen():
    assert where("rknn", "Softmax", chip="rk3568") == ("host", "compiled")
    assert where("rknn", "Softmax", chip="rk3588") == ("accelerator", "compiled")
    assert where("rknn", "Softmax", chip="rk9999") == ("accelerator", "compiled"), "from the probe alone"


def test_quantisation_takes_the_kpu_and_nothing_else_does():
    assert where("nncase", "MatMul", precision="int8") == ("accelerator", "compiled")
    assert where("nncase", "Softmax", precision="int8") == ("host", "compiled")
    assert where("nncase", "ReduceMean", precision="int8")[0] == "unknown", "split between the two"
    assert where("nncase", "Gelu", precision="int8") == ("rejected", "compiled")


def test_traps_are_told():
    support, _ = find_support("nncase")
    note = place_operator(support, support.mode("", "float32"), "", "ReduceMean").note
    assert "LayerNorm" in note and "divide_in_rms_norm" in note
    support, _ = find_support("rknn-toolkit2")
    note = place_operator(support, support.mode("", "float32"), "", "com.microsoft::MatMulNBits").note
    assert "published list does not have it" in note and "ONNX Runtime" in note
    assert any("REGTASK" in trap for trap in support.traps)


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_no_toolchain_rejects_an_operator_of_the_portable_graphs(make_spec, architecture, phase):
    costs = count_model(make_spec(architecture=architecture), 8, 12, phase, "float16")
    for name, support in supports().items():
        for mode in support.modes:
            placed = place(name, "", mode.name, "float16", phase, costs)
            assert {one.where for one in placed} <= {"accelerator", "host", "unknown"}
            assert sum(one.count for one in placed) == sum(cost.copies for cost in costs)
            assert all(one.source for one in placed)


@pytest.mark.parametrize(("toolchain", "mode", "operator", "expected"), [
    ("tpu-mlir", "", "TopK", "accelerator"), ("tpu-mlir", "", "CumSum", "accelerator"),
    ("nncase", "float", "ScatterElements", "host"), ("nncase", "ptq", "Conv", "accelerator"),
    ("nncase", "ptq", "Exp", "host"), ("nncase", "ptq", "CumSum", "unknown"),
    ("onnx-cann", "graph", "TopK", "accelerator"), ("rknn", "", "TopK", "rejected"),
])  # fmt: skip
def test_layers_with_experts_and_deltanet_were_tried(toolchain, mode, operator, expected):
    assert where(toolchain, operator, mode)[0] == expected


@pytest.mark.parametrize(("name", "mode", "message"), [
    ("rkn", "", "did you mean 'rknn'"), ("onnx-cann", "graf", "did you mean 'graph'"),
    ("rknn", "graph", "rknn has no modes: leave 'graph' out"),
])  # fmt: skip
def test_an_unknown_name_is_told_with_the_nearest(name, mode, message):
    with pytest.raises(InputError, match=message):
        find_support(name, mode)


GOOD = files("backends.vendors.canaan").joinpath("operators.yaml").read_text()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("schema: chipassay.operator-support/1", "schema: other", "schema: "),
    ("vendor: Canaan", "vendr: Canaan", "'vendr'"),
    ("version: 2.11.0", "version: 2.11.0\ncolour: red", "'colour'"),
    ("source: importer", "source: imprter", "'imprter': did you mean 'importer'"),
    ("absent: rejected", "absent: gone", "absent: unknown value 'gone'"),
    ("evidence: compiled", "evidence: guessed", "evidence: unknown value 'guessed'"),
    ("  Abs: {result: ok", "  Abs: {result: fine", "result: Abs must have one of ok, rejected, found 'fine'"),
    ("[Abs, Acos", "[Abs, Abs, Acos", "operators: has 'Abs' twice"),
    ("  - name: ptq", "  - name: float", "'float' appears twice"),
    ("host: [Concat, Div,", "host: [Concat, MatMul, Div,", "'MatMul' stands in two places"),
    ("precisions: [int8, int4]", "precisions: int8", "precisions: "),
    ("chips: [k230]", "chips: [k230", "not valid YAML"),
    ("host: [Concat, Div,", "accelerators: [Concat, Div,", "'accelerators'"),
    ("  Abs: {result: ok", "  Abs: [{result: ok", "not valid YAML"),
])  # fmt: skip
def test_a_wrong_file_is_told_with_its_line(old, new, message):
    load_support(GOOD, "nncase.yaml")
    assert GOOD.count(old) >= 1
    with pytest.raises(InputError) as told:
        load_support(GOOD.replace(old, new, 1), "nncase.yaml")
    origin, line, said = str(told.value).split(":", 2)
    assert origin == "nncase.yaml" and message in said
    # The line of the mistake, or of the mapping that holds it.
    wrong = GOOD[: GOOD.index(old)].count("\n") + 1
    assert line == "1" or abs(int(line) - wrong) <= 2 or "modes" in said


placements = st.lists(
    st.builds(
        OperatorPlacement, st.sampled_from(["prefill", "decode"]), st.sampled_from(["MatMul", "Add", "Mul"]),
        st.integers(1, 99), st.floats(0, 1e15), st.floats(1, 1e12), st.sampled_from(WHERES),
        st.sampled_from(EVIDENCES), st.just("a source"),
    ),
    max_size=12,
)  # fmt: skip


@given(placements, st.sampled_from(["prefill", "decode"]))
def test_shares_of_all_places_are_the_whole(found, phase):
    told = shares(found, phase)
    mine = [one for one in found if one.phase == phase]
    if not mine:
        assert told is None
        return
    assert sum(told.bytes_moved.values()) == pytest.approx(1)
    assert sum(told.flops.values()) == pytest.approx(1 if any(one.flops for one in mine) else 0)
    assert sum(told.counts.values()) == sum(one.count for one in mine)
    assert told.rejected == any(one.where == "rejected" for one in mine)


@given(placements, placements)
def test_what_a_run_recorded_counts_where_it_is_as_strong(listed, recorded):
    listed = list({(one.phase, one.operator): one for one in listed}.values())
    merged = with_recorded(listed, recorded)
    for one in listed:
        key = (one.phase, one.operator)
        now = [each for each in merged if (each.phase, each.operator) == key]
        own = [each for each in recorded if (each.phase, each.operator) == key]
        assert sum(each.flops for each in now) == pytest.approx(one.flops)
        assert sum(each.bytes_moved for each in now) == pytest.approx(one.bytes_moved)
        stronger = own and min(EVIDENCES.index(each.evidence) for each in own) <= EVIDENCES.index(one.evidence)
        assert [each.where for each in now] == ([each.where for each in own] if stronger else [one.where])
    assert weakest_evidence(merged) is None or weakest_evidence(merged) in EVIDENCES


def test_a_probe_of_an_unusual_form_says_nothing_of_the_usual_one():
    support, _ = find_support("nncase")
    alone = replace(support.mode("float", ""), observed=())
    assert place_operator(support, alone, "", "Reshape").where == "host", "rejected with allowzero, taken without"
