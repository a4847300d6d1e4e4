"""Declared sizes of quantised models against what the exporter really writes."""

import pytest

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.qwen.synthetic import synthetic_model


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
