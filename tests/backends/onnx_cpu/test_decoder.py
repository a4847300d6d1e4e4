"""``onnx-cpu``: what a session is opened with."""

from backends.onnx_cpu.backend import OnnxCpu
from backends.qwen.synthetic import synthetic_model


def test_onnx_runtimes_threads_rest_between_runs(load, make_spec, make_workload_of):
    """Spinning ones took bandwidth from the probe that measures the ceiling beside every repetition."""
    backend = load(OnnxCpu, synthetic_model(make_spec()), "float32", make_workload_of(4, 2))
    options = backend._decoder.session.get_session_options()
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"
