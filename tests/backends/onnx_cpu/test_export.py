"""An export is made once, has a key that is only its, and weighs what the dimensions say."""

import pytest

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.onnx_cpu.export import export_key
from backends.qwen.synthetic import synthetic_model


def quiet(text):
    pass


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


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_an_export_weighs_what_the_dimensions_say(make_spec, architecture, precision):
    spec = make_spec(architecture=architecture, hidden_size=256, intermediate_size=512, vocab_size=4096)
    execution = Execution(synthetic_model(spec), precision, 1, 1, 22)
    written = OnnxCpu.prepare(execution, lambda text: None)["export_bytes"]
    expected = spec.weight_bytes(precision)
    if spec.tied_embeddings and precision == "float32":
        expected += 4 * spec.embedding_parameters
    assert written == pytest.approx(expected, rel=0.02, abs=60_000)
