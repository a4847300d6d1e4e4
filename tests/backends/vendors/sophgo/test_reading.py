"""What tpu-mlir 1.30.2 really wrote, read; and damaged."""

import pytest

from backends.common.errors import WorkerError
from backends.vendors.sophgo.final_mlir import read_operators
from backends.vendors.sophgo.model_info import Tensor, read_model_info
from backends.vendors.sophgo.schedule import read_schedule
from backends.vendors.sophgo.verdict import validated_tensors
from tests.backends.vendors.sophgo.conftest import recorded

PROFILE = "decode_layer.bm1684x.f16.profile_0.txt"


def test_a_schedule_has_its_totals():
    found = read_schedule([recorded(PROFILE)])
    assert (found.cores, found.cycles, found.flops) == (1, 36479, 1626888)
    assert found.duration_s == pytest.approx(36.479e-6)
    assert found.frequency_hz == pytest.approx(1e9)


def test_bytes_are_those_the_compiler_counts_a_copy_twice():
    found = read_schedule([recorded(PROFILE)])
    # The compiler's own usage is of 64 GiB/s; only with copies counted twice do its bytes give its percentage.
    assert found.dram_bytes / found.duration_s / found.dram_usage == pytest.approx(64 * 2**30, rel=1e-4)


def test_cycles_by_operator_are_the_busy_tensor_units():
    found = read_schedule([recorded(PROFILE)])
    assert sum(found.operator_cycles.values()) == found.tensor_cycles
    assert next(iter(found.operator_cycles)) == "MatMul" and "RMSNorm" in found.operator_cycles
    assert "Load" not in found.operator_cycles and "Store" not in found.operator_cycles
    assert found.dma_cycles < found.cycles < found.dma_cycles + found.tensor_cycles


def test_busy_cycles_agree_with_the_sums_the_compiler_prints():
    one, two = (recorded(f"head.bm1688.f16.profile_{core}.txt") for core in (0, 1))
    assert "TCYC : 29057. (bdc_cycle:17331, gdma_cycle:26268)" in one
    found = read_schedule([one])
    assert (found.tensor_cycles, found.dma_cycles) == (17331, 26268)
    assert "TCYC : 29057. (bdc_cycle:4, gdma_cycle:766)" in two


def test_cores_share_the_time_and_add_up_their_traffic():
    texts = [recorded(f"head.bm1688.f16.profile_{core}.txt") for core in (0, 1)]
    alone = [read_schedule([text]) for text in texts]
    both = read_schedule(texts)
    assert both.cores == 2 and both.cycles == alone[0].cycles == alone[1].cycles
    assert both.dram_bytes == sum(one.dram_bytes for one in alone) > alone[0].dram_bytes
    assert both.frequency_hz == pytest.approx(900e6, rel=1e-4)


@pytest.mark.parametrize("gone", ["TCYC", "GDMA SUMMARY", "DDR BW USAGE", "flops:"])
def test_a_schedule_without_a_total_is_none(gone):
    damaged = "\n".join(line for line in recorded(PROFILE).splitlines() if not line.startswith(gone))
    with pytest.raises(WorkerError, match="has no"):
        read_schedule([damaged])


def test_no_schedule_and_an_empty_one_are_failures():
    with pytest.raises(WorkerError, match="wrote no schedule"):
        read_schedule([])
    nothing = recorded(PROFILE).replace("runtime: 0.036479ms", "runtime: 0.000000ms")
    with pytest.raises(WorkerError, match="no cycles"):
        read_schedule([nothing])


def test_a_listing_has_the_memory_plan_and_the_types():
    found = read_model_info(recorded("decode_layer.bm1684x.f16.info.txt"))
    assert (found.chip, found.compiler, found.cores, found.execution) == ("BM1684X", "v1.30.2-20260831", 1, "static")
    assert (found.weight_bytes, found.instruct_bytes, found.runtime_bytes) == (1589248, 11904, 106496)
    assert found.host_bytes == 0 and found.kernel_bytes == 5598792
    assert found.inputs[4] == Tensor("past.0.key", (1, 2, 37, 64), "float16")
    assert [one.name for one in found.outputs] == [
        "hidden_out_Add",
        "present.0.key_Add",
        "present.0.value_Transpose",
    ]


def test_a_listing_of_a_broken_model_is_a_failure():
    with pytest.raises(WorkerError, match="has no"):
        read_model_info("[BMODEL][ModelCtx:533] FATAL: File[head.bmodel] is broken ...\n")


def test_operators_have_their_results_and_place():
    found = read_operators(recorded("decode_layer.bm1684x.f16.final.mlir"))
    names = [one.name for one in found]
    assert names.count("RMSNorm") == 4 and names.count("Softmax") == 1 and names.count("Active") == 1
    assert not {"Load", "Yield", "Group"} & set(names)
    assert all(one.on_chip for one in found)
    norm = next(one for one in found if one.name == "RMSNorm")
    assert norm.results == ("/model/layers.0/input_layernorm/Mul_2_out_Mul",)


def test_an_operator_left_to_the_processor_is_on_the_host():
    text = recorded("decode_layer.bm1684x.f16.final.mlir")
    assert not any(one.on_chip for one in read_operators(text.replace("run_mode TPU_STATIC", "run_mode CPU")))
    mixed = read_operators(text.replace('"tpu.Softmax"', '"tpu.GenericCpu"'))
    assert [one.name for one in mixed if not one.on_chip] == ["GenericCpu"]


def test_a_table_without_operators_is_a_failure():
    with pytest.raises(WorkerError, match="no operator"):
        read_operators(recorded("decode_layer.bm1684x.f16.final.mlir").replace("run_mode", "mode"))


def test_the_compilers_own_comparison_is_counted():
    assert validated_tensors(recorded("transform.passed.txt")) == 51
    assert validated_tensors("nothing of it") is None
