"""The last position of the cache is as good as the first."""

import numpy as np
import pytest

from backends.onnx_cpu.backend import OnnxCpu
from backends.torch_cpu.backend import TorchCpu
from profiler.run.parity import score


@pytest.mark.parametrize("kind", [TorchCpu, OnnxCpu], ids=lambda kind: kind.name)
def test_logits_agree_up_to_the_last_token_that_fits(load, kind, tiny_model, make_workload_of, reference_of):
    workload = make_workload_of(prompt_tokens=70, output_tokens=30)
    reference = reference_of(tiny_model, workload)
    backend = load(kind, tiny_model, "float32", workload)
    logits = backend.score(np.asarray(workload.prompt_ids), reference.tokens, list(range(30)))
    assert score(logits, reference.logits, "float32", (), ()).passed


def test_the_cache_keeps_its_buffers_between_runs(load, tiny_model, make_workload_of):
    workload = make_workload_of()
    backend = load(TorchCpu, tiny_model, "float32", workload)
    prompt = np.asarray(workload.prompt_ids)
    backend.generate(prompt, 3)
    before = [layer._keys_buffer.data_ptr() for layer in backend._cache.layers]
    backend.generate(prompt, 3)
    assert [layer._keys_buffer.data_ptr() for layer in backend._cache.layers] == before
    assert backend._cache.layers[0].get_seq_length() == 12 + 2
    assert backend._cache.layers[0].get_max_length() == workload.total_tokens
