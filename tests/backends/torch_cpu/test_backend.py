"""``torch-cpu``: its cache keeps its precision and its buffers."""

import numpy as np

from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu


def test_the_cache_of_torch_really_has_the_precision_it_names(load, make_spec, make_workload_of):
    import torch

    workload = make_workload_of()
    backend = load(TorchCpu, synthetic_model(make_spec()), "bfloat16", workload)
    backend.generate(np.asarray(workload.prompt_ids), 2)
    assert backend._cache.layers[0]._keys_buffer.dtype is torch.bfloat16


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
