"""A compiler's estimate beside published board results: what may be compared, and what is said with the ratio."""

from dataclasses import replace

import pytest

from backends.common.errors import InputError
from backends.contract.compiled import Compiled, CompiledGraph
from backends.contract.workload import Workload
from profiler.models.presets import presets
from reports.judge.boards.check import board_check
from reports.judge.boards.published import FILE, load_published_boards, published_boards
from reports.judge.reason import Reason

SPEC = presets()["qwen2.5-1.5b"].spec
LAYERS = SPEC.layers


def graph(name, part, phases, copies, duration_s, cores=1):
    return CompiledGraph(name, part, phases, copies, duration_s=duration_s, details={"cores": cores})


def compiled(chip="sophgo-bm1684x", layers=LAYERS, cores=1, decode_s=0.0005):
    graphs = (
        graph("prefill_layer", "layer", ("prefill",), layers, 0.005, cores),
        graph("decode_layer", "layer", ("decode",), layers, decode_s, cores),
        graph("head", "head", ("prefill", "decode"), 1, 0.002, cores),
    )
    return Compiled("tpu-mlir", "v1", chip, "float16", layers, graphs, timing="a schedule")


def workload(prompt=448, output=64, batch=1):
    return Workload("test", (tuple(range(prompt)),) * batch, output)


def decode(checks):
    return [check for check in checks if check.published.metric == "decode_throughput"]


def test_the_ratio_is_estimate_over_published():
    check = decode(board_check(compiled(), SPEC, workload(), "int4"))[0]
    assert (check.published.value, check.published.sequence_tokens) == (41.078, 512)
    assert check.estimate == pytest.approx(1 / (LAYERS * 0.0005 + 0.002))
    assert check.ratio == pytest.approx(check.estimate / 41.078) and check.scaled is None


def test_a_cut_model_is_scaled_to_the_published_depth_and_says_so():
    one = board_check(compiled(layers=1), SPEC.with_layers(1), workload(), "int4")
    whole = board_check(compiled(), SPEC, workload(), "int4")
    assert [check.ratio for check in one] == pytest.approx([check.ratio for check in whole])
    assert one[0].scaled == Reason("scaled", {"wanted": LAYERS, "layers": 1})


@pytest.mark.parametrize("change", [{"hidden_size": 1024}, {"vocab_size": 1000}, {"layers": LAYERS + 1}])
def test_a_model_of_other_dimensions_is_compared_with_nothing(change):
    assert board_check(compiled(), replace(SPEC, **change), workload(), "int4") == []


@pytest.mark.parametrize("chip", ["", "sophgo-sg2044", "nvidia-h20-96gb"])
def test_another_chip_is_compared_with_nothing(chip):
    assert board_check(compiled(chip), SPEC, workload(), "int4") == []


def test_every_known_difference_is_said():
    check = decode(board_check(compiled(cores=2), SPEC, workload(prompt=128), "float16"))[0]
    differences = {one.code: tuple(one.values.values()) for one in check.differences}
    assert differences["weights"] == ("int4", "float16") and differences["arithmetic_open"] == ("", "float16")
    assert differences["cores"] == (1, 2) and differences["context"] == (512, 192)
    assert "host" in differences


def test_the_same_precision_is_taken_where_there_is_one(monkeypatch):
    fact = next(one for one in published_boards() if one.model == "qwen2.5-1.5b")
    facts = (replace(fact, precision="int8", value=30.0), fact)
    monkeypatch.setattr("reports.judge.boards.check.published_boards", lambda: facts)
    taken = {
        precision: board_check(compiled(), SPEC, workload(), precision) for precision in ("int4", "int8", "float16")
    }
    assert {precision: [check.published for check in checks] for precision, checks in taken.items()} == {
        "int4": [fact],
        "int8": [facts[0]],
        "float16": list(facts),
    }


def test_a_bfloat16_result_is_told_from_a_float16_estimate():
    spec = presets()["qwen3-4b"].spec
    checks = board_check(compiled("sophgo-bm1688", spec.layers, cores=2), spec, workload(), "int4")
    assert {check.published.cores for check in checks} == {1, 2}
    differs = Reason("arithmetic", {"published": "w4bf16", "estimated": "float16"})
    assert all(differs in check.differences for check in checks)


def test_prefills_are_compared_only_at_about_the_same_length():
    metrics = {check.published.sequence_tokens for check in board_check(compiled(), SPEC, workload(500, 12), "int4")
               if check.published.metric == "ttft"}  # fmt: skip
    assert metrics == {512}
    assert all(check.published.metric != "ttft" for check in board_check(compiled(), SPEC, workload(128), "int4"))


def test_what_has_no_time_or_another_batch_is_not_compared():
    assert decode(board_check(compiled(decode_s=None), SPEC, workload(), "int4")) == []
    assert board_check(compiled(), SPEC, workload(batch=2), "int4") == []


def test_every_result_has_a_source_that_can_be_opened():
    assert len(published_boards()) >= 15
    assert all(
        one.source.where.startswith("https://") and one.source.retrieved.year >= 2025 for one in published_boards()
    )


GOOD = """schema: chipassay.published-boards/1
sources:
  - {id: readme, where: "https://example.org/readme", retrieved: 2026-01-02}
results:
  - {model: qwen3-4b, chip: sophgo-bm1684x, board: B, precision: int4, published_precision: int4, cores: 1, sequence_tokens: 512, metric: ttft, value: 0.4, unit: s, program: p, source: readme}
"""  # noqa: E501


@pytest.mark.parametrize(
    "wrong, right, line, message",
    [
        ("model: qwen3-4b", "model: qwen3-5b", 5, "unknown model 'qwen3-5b': did you mean 'qwen3-8b'"),
        ("chip: sophgo-bm1684x", "chip: sophgo-bm1684", 5, "did you mean 'sophgo-bm1684x'"),
        ("value: 0.4", "value: 0", 5, "value: must be positive"),
        ("unit: s", "unit: tok/s", 5, "ttft is in s, not tok/s"),
        ("source: readme", "source: memory", 5, "unknown source 'memory'"),
        ("cores: 1", "cores: one", 5, "cores"),
        ("board: B", "bord: B", 5, "unknown field 'bord': did you mean 'board'"),
        ("https://example.org", "from memory", 3, "where: must be an address"),
        ("chipassay.published-boards/1", "other/1", 1, "schema: must be"),
    ],
)
def test_a_wrong_entry_is_told_with_its_line(wrong, right, line, message):
    assert wrong in GOOD and load_published_boards(GOOD, FILE)
    with pytest.raises(InputError, match=f"published_boards.yaml:{line}: ") as error:
        load_published_boards(GOOD.replace(wrong, right), FILE)
    assert message in str(error.value)
