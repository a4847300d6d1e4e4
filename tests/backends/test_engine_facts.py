"""What an engine says of itself, and what it asks for before it loads."""

import pytest

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.onnx_cpu.export import export_key
from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu
from profiler.models.presets import presets


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


def test_the_cache_of_torch_really_has_the_precision_it_names(load, make_spec, make_workload_of):
    import numpy as np
    import torch

    workload = make_workload_of()
    backend = load(TorchCpu, synthetic_model(make_spec()), "bfloat16", workload)
    backend.generate(np.asarray(workload.prompt_ids), 2)
    assert backend._cache.layers[0]._keys_buffer.dtype is torch.bfloat16


def test_an_export_is_made_once_and_says_so(make_spec):
    execution = Execution(synthetic_model(make_spec(), seed=77), "float32", 1, 1, 22)
    first, second = (OnnxCpu.prepare(execution, quiet) for _ in range(2))
    assert (first["export_cached"], second["export_cached"]) == (False, True)
    assert first["export_bytes"] == second["export_bytes"] > 4 * execution.model.spec.parameters


def test_exports_of_other_models_and_precisions_have_other_keys(make_spec):
    model = synthetic_model(make_spec())
    keys = {export_key(model, precision) for precision in ("float32", "int8", "int4")}
    keys.add(export_key(synthetic_model(make_spec(), seed=1), "float32"))
    assert len(keys) == 4


@pytest.mark.parametrize("kind", [TorchCpu, OnnxCpu])
def test_the_memory_estimate_covers_the_weights_and_grows_with_batch(make_workload_of, kind):
    spec = presets()["qwen3-0.6b"].spec
    one, eight = (
        kind.memory_needed_bytes(spec, "float32", make_workload_of(2000, 100, batch=batch)) for batch in (1, 8)
    )
    assert spec.weight_bytes("float32") < one <= eight
    if kind is TorchCpu:
        assert eight - one >= 7 * spec.kv_bytes_per_token("float32") * 2100


def test_onnx_runtimes_threads_rest_between_runs(load, make_spec, make_workload_of):
    """Spinning ones took bandwidth from the probe that measures the ceiling beside every repetition."""
    backend = load(OnnxCpu, synthetic_model(make_spec()), "float32", make_workload_of(4, 2))
    options = backend._decoder.session.get_session_options()
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"
