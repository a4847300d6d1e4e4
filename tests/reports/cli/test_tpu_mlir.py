"""Targets of Sophgo's compiler that cannot be had: one line, exit status 3, nothing written."""

import pytest


@pytest.mark.parametrize(
    "target, message",
    [
        (
            "tpu-mlir:bm1684z",
            "tpu-mlir:bm1684z@float16 is unavailable: unknown chip for tpu-mlir 'bm1684z': did you mean 'bm1684x'?",
        ),
        (
            "tpu-mlir:sg2380",
            "tpu-mlir 1.30.2 cannot compile a decoder layer for it (tpuc-opt fails); choose another chip",
        ),
        ("tpu-mlir:bm1684x", "the toolchain tpu-mlir is not installed; chipassay toolchain install tpu-mlir"),
    ],
)
def test_it_is_unavailable_with_the_reason_and_what_to_do(chipassay, tmp_path, target, message):
    out = tmp_path / "bundle"
    command = ("profile", "--model", "qwen3-0.6b", "--target", target, "--out", out)
    done = chipassay(*command, CHIPASSAY_DATA=str(tmp_path))
    assert done.code == 3 and message in done.error
    assert not out.exists()


def test_a_precision_the_compiler_has_no_name_for_is_wrong_input(chipassay, tmp_path):
    done = chipassay("profile", "--model", "qwen3-0.6b", "--target", "tpu-mlir:bm1684x@float8", "--out", tmp_path / "b")
    assert done.code == 2 and "unknown precision for tpu-mlir 'float8'" in done.error


def test_a_vendors_simulator_may_take_an_hour_and_an_engine_may_not():
    from backends.contract.registry import parse_target
    from reports.cli.profile import _patience_s

    engine, compiler = parse_target("torch-cpu", None), parse_target("tpu-mlir:bm1684x", None)
    assert _patience_s([engine], 50) == 1100
    assert _patience_s([engine, compiler], 50) == 3600 and _patience_s([compiler], 1000) == 4900
