"""Published rows: every one used, converted or excluded with a reason, whichever of the two formats it comes in."""

import csv
import io

import pytest

from backends.common.errors import InputError
from reports.judge.projection.dimensions import find_dimensions
from reports.judge.projection.evidence import judge, own_evidence
from reports.judge.projection.formats import find_format
from reports.judge.projection.rows import QWEN_COLUMNS, RESULT_COLUMNS, own_rows, parse, read_rows
from reports.judge.projection.situation import chip_of
from reports.judge.projection.stacks import default_stack, find_stack, stack_of

RESULT = {
    "chip": "NVIDIA H20 96GB", "count": "1", "model": "Qwen3-8B", "precision": "BF16", "framework": "SGLang",
    "phase": "decode", "batch": "1", "input_len": "100", "output_len": "50", "metric": "decode throughput",
    "value": "80", "unit": "tok/s", "source": "a page", "confidence": "high",
}  # fmt: skip
PAGE = dict.fromkeys(QWEN_COLUMNS, "") | {
    "series": "Qwen3", "model": "Qwen3-8B", "framework": "SGLang", "framework_version": "SGLang 0.4.6.post1",
    "hardware": "NVIDIA H20 96GB", "gpu_num": "1", "precision": "BF16", "input_len": "6144", "output_len": "2048",
    "batch": "1", "speed_as_published_tok_s": "280", "speed_definition": "(prompt+generated tokens)/time",
    "generated_tok_s_derived": "70", "source": "a page",
}  # fmt: skip


def rows(columns, *changes, base):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({**base, **change} for change in changes)
    return tuple(parse(text.getvalue(), "test.csv"))


def judged(**change):
    return judge(rows(RESULT_COLUMNS, change, base=RESULT))


def reason(**change):
    found = judged(**change)
    assert not found.observations
    return next(iter(found.reasons))


def test_own_rows_are_all_accounted_for():
    found = own_evidence()
    counts = found.counts
    assert counts["rows"] == len(own_rows()) == counts["used"] + counts["converted"] + counts["excluded"]
    assert sum(found.reasons.values()) == counts["excluded"]
    assert counts["used"] + counts["converted"] > 500
    assert {o.place for o in found.observations}.isdisjoint(
        {e.row.place for e in found.excluded if "very low" in e.row["confidence"]}
    )


def test_every_observation_has_a_source_and_a_confidence():
    assert all(o.source and o.confidence for o in own_evidence().observations)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"confidence": "very low (bot-posted)"}, "confidence very low"),
        ({"framework": "SGLang; EAGLE3 speculative decoding ON"}, "speculative decoding"),
        ({"framework": "vLLM-Ascend (AISBench); prefix-cache 90%"}, "cached prefixes"),
        ({"metric": "median TPOT", "unit": "ms", "batch": "1000.00"}, "queueing"),
        ({"metric": "total token throughput"}, "total tokens per second"),
        ({"model": "Qwen3-30B-A3B"}, "mixture of experts"),
        ({"model": "RWKV7 1.5B"}, "not a plain softmax-attention decoder"),
        ({"model": "Unheard-7B"}, "dimensions are not in the catalogue"),
        ({"precision": "UD-IQ3_XXS"}, "number format without an entry"),
        ({"chip": "RK3576", "framework": "RKLLM"}, "no memory bandwidth"),
        ({"input_len": ""}, "not given"),
        ({"value": "0"}, "no positive figure"),
        ({"value": "nan"}, "no positive figure"),
        ({"unit": "furlongs"}, "unknown unit"),
        # 15 GB of weights at 4 TB/s are 3.8 ms, so more than 265 steps per second cannot be plain decoding.
        ({"value": "400"}, "faster than the chip's memory"),
        # 100 tokens through 7 billion weights are 1.4 TFLOP, 9.5 ms at 148 TFLOP/s.
        ({"phase": "prefill", "metric": "TTFT", "unit": "ms", "value": "11"}, "more arithmetic than"),
    ],
)
def test_excluded_with_a_reason(change, why):
    assert why in reason(**change)


def test_rows_are_used_converted_and_counted_once():
    found = judge(rows(RESULT_COLUMNS, {}, {}, {"value": "78", "count": "TP2", "unit": "tok/s/GPU"}, base=RESULT))
    assert found.counts == {"rows": 3, "used": 1, "converted": 1, "excluded": 1}
    assert found.reasons == {"the same result as an earlier row": 1}
    assert found.observations[0].value == pytest.approx(1 / 80)
    assert found.observations[1].value == pytest.approx(1 / 156)
    assert found.observations[1].situation.devices == 2


def test_speed_page_counts_generated_tokens_and_gives_memory_too():
    memory = {"gpu_memory_as_published": "20", "gpu_memory_unit": "GB (script divides by 1024^3)"}
    found = judge(rows(QWEN_COLUMNS, memory, base=PAGE))
    speed, held = found.observations
    assert (speed.figure, speed.value) == ("request", pytest.approx(2048 / 70))
    assert "prompt tokens counted as output" in speed.converted[0]
    assert (held.figure, held.value) == ("memory", 20 * 1024**3)
    assert found.counts == {"rows": 1, "used": 0, "converted": 1, "excluded": 0}


def test_memory_needs_no_bandwidth():
    found = judged(chip="RK3576", framework="RKLLM", precision="w8a8", metric="memory", unit="MB", value="9000")
    assert found.observations[0].value == 9000 * 1024**2


def test_a_die_is_its_share_of_the_package():
    found = judged(chip="Ascend 910C die (Atlas 800I A3)", precision="W8A8", value="50").observations[0]
    assert found.situation.device.bandwidth_b_s == pytest.approx(1.6e12)
    assert "a die counted" in found.converted[0]


@pytest.mark.parametrize(
    ("text", "stack"),
    [
        (("Transformers", "Transformers 4.46.0; PyTorch 2.3.1"), "transformers-4.46"),
        (("Transformers", "Transformers 4.51.3; PyTorch 2.6.0"), "transformers-4.51"),
        (("Transformers", "Transformers 4.38.2"), "transformers-4.40"),
        (("vLLM", "vLLM 0.4.2; PyTorch 2.3.0"), "vllm-0.4"),
        (("vLLM",), "vllm"),
        (("vLLM-Ascend (AISBench)",), "vllm-ascend"),
        (("SGLang NPU",), "sglang-npu"),
        (("TensorRT-LLM", "", "serving (max throughput)"), "tensorrt-llm-bench"),
        (("TensorRT-LLM", "", "serving (all requests at once)"), "tensorrt-llm"),
        (("something new",), "generic"),
    ],
)
def test_stack_of_a_row(text, stack):
    assert stack_of(*text).id == stack


def test_names_in_data():
    assert find_dimensions("Qwen2-7B-Instruct").key == find_dimensions("qwen2.5-7b").key
    assert find_dimensions("Llama-3.3-70B").layers == 80
    assert find_dimensions("Qwen3-32B-w8a8sc-310-vllm-tp4").name == "qwen3-32b"
    assert find_format("GPTQ-Int4").id == "int4"
    assert chip_of("Ascend 910B 64GB").chip.id == "huawei-ascend-910b3"
    assert chip_of("RK3562").chip is None
    assert chip_of("Hygon DCU 64GB (K100-AI class)").chip.id == "hygon-dcu-k100-ai"
    assert default_stack("Huawei").id == "vllm-ascend"
    assert default_stack("Nobody").id == "generic"
    with pytest.raises(InputError, match="did you mean 'sglang'"):
        find_stack("sglan")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "column 'chip' is missing"),
        (b"", "column 'chip' is missing"),
        (b"series,speed_definition\nx,y\n", "column 'model' is missing.*qwen_speed.csv"),
        (",".join(RESULT_COLUMNS).encode() + b"\n1,2\n", "2: has fewer cells"),
        (",".join(RESULT_COLUMNS).encode() + b"\n" + b"1," * 20 + b"\n", "2: has more cells"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, message):
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_rows(path)
    assert "\n" not in str(error.value)


def test_a_missing_file():
    with pytest.raises(InputError, match="no such file"):
        read_rows(__import__("pathlib").Path("nowhere.csv"))
