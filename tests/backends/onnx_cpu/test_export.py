"""An export is made once, and has a key that is only its."""

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
