"""What stands in the way of a run is found before anything is loaded."""

from __future__ import annotations

import pytest

from backends.contract.registry import Target
from backends.qwen.synthetic import synthetic_model
from profiler.run.request import Request, hindrance
from tests.backends.qwen.families import TINY


@pytest.fixture
def request_of(make_workload_of):
    def make(architecture, target):
        model, workload = synthetic_model(TINY[architecture]), make_workload_of(4, 2, 1, 500)
        return Request(model, workload, (target,), 2, 1.0, 0.05, 60.0, "profile")

    return make


@pytest.mark.parametrize(
    ("backend", "architecture", "runs"),
    [
        ("torch-cpu", "qwen4_exp", True), ("torch-cpu", "qwen3_next", True), ("onnx-cpu", "qwen3_moe", True),
        ("onnx-cpu", "qwen3_next", False), ("onnx-cpu", "qwen4_exp", False), ("nncase", "qwen3_5", False),
        ("tpu-mlir", "qwen3_moe", False),
    ],
)  # fmt: skip
def test_a_path_refuses_by_name_an_architecture_that_it_does_not_run(request_of, backend, architecture, runs):
    target = Target(backend, "", "float32")
    error = hindrance(target, request_of(architecture, target))
    assert (error is None) is runs
    if error is not None:
        assert f"{backend} has no path for {architecture}" in str(error)
