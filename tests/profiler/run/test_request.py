"""What stands in the way of a run is found before anything is loaded."""

from __future__ import annotations

import pytest

from backends.common.errors import MemoryFitError
from backends.contract.registry import Target
from backends.qwen.footprint import reference_bytes
from backends.qwen.synthetic import synthetic_model
from profiler.models.presets import find_model
from profiler.models.workloads import make_workload
from profiler.run import request
from profiler.run.request import BESIDE_WEIGHTS_BYTES, Request, hindrance, reference_keeps_bytes
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


GIB = 1 << 30


@pytest.mark.parametrize(
    ("model", "target", "needed_gib"),
    [("qwen3-4b", "int4", 5), ("qwen3-8b", "int4", 8), ("qwen3-30b-a3b", "int4", 24)],
)
def test_a_model_is_refused_only_where_its_own_weights_do_not_fit(monkeypatch, model, target, needed_gib):
    found = find_model(model, None, 0)
    workload = make_workload("chat", found, None, None, 1)
    target = Target("onnx-cpu", "", target)
    asked = Request(found, workload, (target,), 2, 1.0, 0.05, 60.0, "profile")
    monkeypatch.setattr(request, "available_bytes", lambda: needed_gib * GIB)
    assert hindrance(target, asked) is None
    monkeypatch.setattr(request, "available_bytes", lambda: found.spec.weight_bytes("int4"))
    assert isinstance(hindrance(target, asked), MemoryFitError)


def test_the_reference_takes_no_more_memory_than_the_targets_weights(monkeypatch):
    found = find_model("qwen3-8b", None, 0)
    workload = make_workload("smoke", found, None, None, 1)
    asked = Request(found, workload, (Target("onnx-cpu", "", "int4"),), 2, 1.0, 0.05, 60.0, "profile")
    least = reference_bytes(found.spec, 1, 16, 24)
    monkeypatch.setattr(request, "available_bytes", lambda: 1 << 40)
    assert least + reference_keeps_bytes(asked) == found.spec.weight_bytes("int4") + BESIDE_WEIGHTS_BYTES < 8 * GIB
    monkeypatch.setattr(request, "available_bytes", lambda: least)
    assert reference_keeps_bytes(asked) == 0
