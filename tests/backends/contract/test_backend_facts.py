"""What an engine records of itself, what memory it asks for before it loads, and that its cache holds all it says."""

import numpy as np
import pytest

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu
from profiler.models.presets import presets
from profiler.run.parity import score


def quiet(text):
    pass


@pytest.mark.parametrize(
    ("kind", "precision", "arithmetic", "cache"),
    [
        (TorchCpu, "float32", "float32", "float32"),
        (TorchCpu, "bfloat16", "bfloat16", "bfloat16"),
        (OnnxCpu, "float32", "float32", "float32"),
        (OnnxCpu, "int8", "int8", "float32"),
        (OnnxCpu, "int4", "int8", "float32"),
    ],
)
def test_an_engine_names_its_arithmetic_cache_and_threads(
    make_spec, make_workload_of, kind, precision, arithmetic, cache
):
    execution = Execution(synthetic_model(make_spec()), precision, 1, 1, 22)
    kind.prepare(execution, quiet)
    facts = kind().load(execution, quiet)
    assert (facts.arithmetic, facts.cache_precision) == (arithmetic, cache)
    assert facts.details["threads"] == 1
    assert facts.version


@pytest.mark.parametrize("kind", [TorchCpu, OnnxCpu])
def test_the_memory_estimate_covers_the_weights_and_grows_with_batch(make_workload_of, kind):
    spec = presets()["qwen3-0.6b"].spec
    one, eight = (
        kind.memory_needed_bytes(spec, "float32", make_workload_of(2000, 100, batch=batch)) for batch in (1, 8)
    )
    assert spec.weight_bytes("float32") < one <= eight
    if kind is TorchCpu:
        assert eight - one >= 7 * spec.kv_bytes_per_token("float32") * 2100


@pytest.mark.parametrize("kind", [TorchCpu, OnnxCpu], ids=lambda kind: kind.name)
def test_logits_agree_up_to_the_last_token_that_fits(load, kind, tiny_model, make_workload_of, reference_of):
    workload = make_workload_of(prompt_tokens=70, output_tokens=30)
    reference = reference_of(tiny_model, workload)
    backend = load(kind, tiny_model, "float32", workload)
    logits = backend.score(np.asarray(workload.prompt_ids), reference.tokens, list(range(30)))
    assert score(logits, reference.logits, "float32", (), ()).passed
