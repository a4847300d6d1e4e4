"""ascend-model adds up what Huawei's tool says of each operator, and names everything it does not say."""

import json
import math
from collections import Counter

import pytest

from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Execution
from backends.operators.count import count_model
from backends.vendors.huawei import msopmodeling
from backends.vendors.huawei.msopmodeling import read_answers
from backends.vendors.huawei.operations import (
    Call,
    Operation,
    ascend_operators,
    head_operations,
    layer_operations,
)
from backends.vendors.huawei.path import AscendModel, gaps, graph
from profiler.chips.catalogue import load_chips
from profiler.metrics.modelled import modelled_metrics
from profiler.models.presets import find_model
from profiler.models.workloads import make_workload
from tests.backends.conftest import quiet
from tests.backends.vendors.huawei.conftest import RECORDED, Recorded, recorded_operators

pytestmark = pytest.mark.slow


def examine(model, workload, device="910b1", precision="float16"):
    return AscendModel().examine(
        Execution(model, precision, 1, workload.batch, workload.total_tokens, device), workload, quiet
    )


@pytest.fixture(scope="module")
def chat():
    model = find_model("qwen3-0.6b", None, 0)
    return model, make_workload("chat", model, None, None, 1)


@pytest.fixture
def examined(use, chat):
    use(Recorded())
    return examine(*chat)


def test_it_asks_exactly_what_was_recorded(use, chat):
    environment = use(Recorded())
    examine(*chat)
    assert environment.asked == recorded_operators()
    assert len(environment.asked) == 2 * len({json.dumps({**one, "backend_type": ""}) for one in environment.asked})


def test_figures_are_the_sums_of_the_tools_own(examined, chat):
    """Added up by hand from the recorded file: microseconds of operator, times how often the layer has it."""
    answers = json.loads((RECORDED / "latencies.json").read_text())
    told = {}
    for number, one in enumerate(recorded_operators()):
        key = one["op_name"], json.dumps(one["input_shapes"]), one["backend_type"]
        told[key] = answers[f"OP_{number}"].get("latency")

    def us(operator, *shapes, model="eng"):
        return told[operator, json.dumps([list(shape) for shape in shapes]), model]

    decode = (
        2 * us("RmsNorm", (1, 1024), (1024,)) + us("RmsNorm", (16, 128), (128,)) + us("RmsNorm", (8, 128), (128,))
        + us("MatMul", (1, 1024), (1024, 2048)) + 2 * us("MatMul", (1, 1024), (1024, 1024))
        + us("RotaryPositionEmbedding", (1, 1, 16, 128), (1, 1, 1, 128), (1, 1, 1, 128), model="theo")
        + us("RotaryPositionEmbedding", (1, 1, 8, 128), (1, 1, 1, 128), (1, 1, 1, 128), model="theo")
        + 2 * us("ScatterNdUpdate", (192, 1024), (1, 1), (1, 1024), model="theo")
        + us("FusedInferAttentionScore", (1, 1, 16, 128), (1, 192, 8, 128), (1, 192, 8, 128))
        + us("MatMul", (1, 2048), (2048, 1024)) + 2 * us("Add", (1, 1024), (1, 1024))
        + 2 * us("MatMul", (1, 1024), (1024, 3072)) + us("Swish", (1, 3072)) + us("Mul", (1, 3072), (1, 3072))
        + us("MatMul", (1, 3072), (3072, 1024))
    )  # fmt: skip
    head = us("RmsNorm", (1, 1024), (1024,)) + us("MatMul", (1, 1024), (1024, 151936))
    prefill_layer, decode_layer, last = examined.compiled.graphs
    assert decode_layer.duration_s == pytest.approx(decode * 1e-6)
    assert last.duration_s == pytest.approx(head * 1e-6)
    figures = modelled_metrics(examined.compiled, chat[0].spec, chat[1])
    assert figures["tpot_p50"].value == pytest.approx((28 * decode + head) * 1e-6)
    assert figures["ttft"].value == pytest.approx(28 * prefill_layer.duration_s + last.duration_s)
    assert {figures[name].grade for name in ("ttft", "tpot_p50", "decode_throughput")} == {"modelled"}
    assert 1e-3 < figures["tpot_p50"].value < 4e-3 and 1e-3 < figures["ttft"].value < 6e-3


def test_every_operator_tells_which_model_it_is_from(examined):
    for one in examined.compiled.graphs:
        for detail in one.details["operators"]:
            bounded = detail["operator"] in ("RotaryPositionEmbedding", "ScatterNdUpdate")
            assert detail["model"] == ("theo" if bounded else "eng"), detail
            if bounded:
                assert detail["latency_us"] == detail["limit_us"] and "not implemented" in detail["said"]["eng"]
    attention = next(d for d in examined.compiled.graphs[1].details["operators"] if d["role"] == "attention")
    assert attention["input_shapes"] == ((1, 1, 16, 128), (1, 192, 8, 128), (1, 192, 8, 128))


def test_what_the_figures_leave_out_is_said_with_every_figure(examined, chat):
    told = " ".join(examined.compiled.gaps)
    for words in (
        "attention is modelled as one fused operator, FusedInferAttentionScore",
        "lacks RotaryPositionEmbedding, ScatterNdUpdate: the theoretical limit stands in",
        "the embedding look-up",
        "launching operators",
    ):
        assert words in told
        assert words in modelled_metrics(examined.compiled, chat[0].spec, chat[1])["tpot_p50"].method
    assert examined.logits is None and examined.expected is None


def test_placements_cover_the_whole_model_and_claim_only_what_is_modelled(examined, chat):
    model, workload = chat
    for phase in ("prefill", "decode"):
        costs = count_model(model.spec, workload.prompt_tokens, workload.total_tokens, phase, "float16")
        ours = [one for one in examined.operators if one.phase == phase]
        assert sum(one.count for one in ours) == sum(one.copies for one in costs)
        assert sum(one.flops for one in ours) == pytest.approx(sum(one.copies * one.flops for one in costs))
        assert {(one.operator, one.count) for one in ours if one.where == "unknown"} == (
            {("Gather", 1), ("Slice", 1)} if phase == "prefill" else {("Gather", 1)}
        )
        assert max(Counter((one.operator, one.where) for one in ours).values()) == 1
    assert {one.evidence for one in examined.operators} == {"declared"}


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_the_matrix_products_of_a_layer_are_those_of_the_exported_graph(make_spec, architecture, phase):
    spec = make_spec(architecture=architecture, layers=1)
    operations = [*layer_operations(spec, phase, 12, 20, 2), *head_operations(spec, 2)]
    flops = sum(
        2 * math.prod(one.call.inputs[0]) * one.call.outputs[0][-1] * one.count
        for one in operations
        if one.call.operator == "MatMul"
    )
    costs = count_model(spec, 12, 20, phase, "float16", 2)
    own = [one for one in costs if one.operator == "MatMul" and ascend_operators(one.name, "MatMul") == ("MatMul",)]
    assert flops == sum(one.flops for one in own)
    biases = sum(one.count for one in operations if "bias" in one.role)
    assert biases == (3 if architecture == "qwen2" else 0)


def answer(call, **changes):
    return {"OP_0": {"latency": 5.0}, "OP_1": {"latency": 1.0}} | changes


CALL = Call("MatMul", ((1, 2), (2, 3)), ((1, 3),))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "answered with a list"),
        ({"OP_0": {"latency": 5.0}}, r"no answer for MatMul \[\(1, 2\), \(2, 3\)\] \(theo\)"),
        (answer(CALL, OP_0={"latency": "fast"}), "gave no latency for MatMul .*: 'fast'"),
        (answer(CALL, OP_0={"latency": True}), "gave no latency"),
        (answer(CALL, OP_0={"latency": 0}), "gave 0 us for MatMul"),
        (answer(CALL, OP_0={"latency": -3.0}), "gave -3 us"),
        (answer(CALL, OP_0={"latency": float("nan")}), "gave nan us"),
        (answer(CALL, OP_0={}), "gave no latency for MatMul .*: 'None'"),
    ],
)
def test_rubbish_is_no_figure(answers, reason):
    with pytest.raises(WorkerError, match=reason):
        read_answers([CALL], answers)


def test_an_operator_in_neither_model_is_left_out_and_named():
    add = Call("Add", ((1, 2), (1, 2)), ((1, 2),))
    error = {"error": "no such\nsecond line"}
    answers = {"OP_0": {"latency": 5.0}, "OP_1": error, "OP_2": error, "OP_3": error}
    latencies = read_answers([CALL, add], answers)
    assert latencies[CALL].limit_s is None and latencies[add].model == ""
    assert "Add [(1, 2), (1, 2)] is in neither model, and left out (eng: no such | theo: no such)" in gaps(latencies)
    assert graph(
        "g", [Operation("a", CALL, 2), Operation("b", add)], latencies, ("decode",)
    ).duration_s == pytest.approx(1e-5)
    nothing = read_answers([CALL], {"OP_0": error, "OP_1": error})
    assert graph("g", [Operation("a", CALL)], nothing, ("decode",)).duration_s is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'Fatal Python error: pretended'; kill -ABRT $$", "SIGABRT.*Fatal Python error: pretended"),
        ("echo 'ImportError: no numpy' >&2; exit 1", "status 1: ImportError: no numpy"),
        ("sleep 30", "gave no result within 2 s and was stopped"),
        ("echo '<html>' > $4", "answer is no JSON"),
        ("echo '{\"OP_0\": {' > $4; exit 0", "answer is no JSON"),
        ("exit 0", "gave no latencies: .*ended with status 0"),
    ],
)
def test_a_tool_that_dies_hangs_or_prints_rubbish_is_one_clear_failure(program, chat, script, reason, tmp_path):
    program(script)
    with pytest.raises(WorkerError, match=reason) as caught:
        examine(*chat)
    assert "\n" not in str(caught.value)


def test_the_targets_it_offers():
    assert AscendModel.devices() == ("910b1", "910b4")
    assert AscendModel.chip("910B4") == "huawei-ascend-910b4"
    known = load_chips()
    assert all(known.get(AscendModel.chip(device)) for device in AscendModel.devices())
    with pytest.raises(InputError, match="unknown chip '910b3'"):
        AscendModel.chip("910b3")
    assert "known are 910b1, 910b4" in AscendModel.probe("310p").reason
    assert "such as ascend-model:910b1" in AscendModel.refuses("", "float16")


@pytest.mark.toolchain("msopmodeling")
def test_the_real_tool_still_answers_as_recorded(tmp_path):
    """One operator that only eng has, one that only theo has, one that both have."""
    from backends.toolchains import environment_of, find_toolchain

    tool = find_toolchain("msopmodeling")
    rotary = Call("RotaryPositionEmbedding", ((1, 1, 16, 128), (1, 1, 1, 128), (1, 1, 1, 128)), ((1, 1, 16, 128),))
    swish = Call("Swish", ((1, 3072),), ((1, 3072),))
    product = Call("MatMul", ((1, 1024), (1024, 1024)), ((1, 1024),))
    found = msopmodeling.ask(environment_of(tool), "910B1", "float16", [rotary, swish, product, swish], tmp_path)
    assert {call.operator: one.model for call, one in found.items()} == {
        "RotaryPositionEmbedding": "theo",
        "Swish": "eng",
        "MatMul": "eng",
    }
    recorded = read_answers([product], {
        "OP_0": recorded_answer("MatMul", product, "eng"), "OP_1": recorded_answer("MatMul", product, "theo"),
    })[product]  # fmt: skip
    assert found[product].latency_s == pytest.approx(recorded.latency_s, rel=1e-6)
    assert found[product].limit_s == pytest.approx(recorded.limit_s, rel=1e-6)
    assert found[product].latency_s > found[product].limit_s


def recorded_answer(operator, call, model):
    answers = json.loads((RECORDED / "latencies.json").read_text())
    shapes = [list(shape) for shape in call.inputs]
    for number, one in enumerate(recorded_operators()):
        if (one["op_name"], one["input_shapes"], one["backend_type"]) == (operator, shapes, model):
            return answers[f"OP_{number}"]
    raise AssertionError(f"{operator} {shapes} was not recorded")
