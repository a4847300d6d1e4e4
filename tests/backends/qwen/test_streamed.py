"""A network that makes its weights while it runs gives, bit for bit, the answer of one that holds them."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from backends.qwen.weights import Weights, weight_writer
from backends.qwen.weights_digest import WeightsDigest
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow

TOKENS = 6


def quiet(text):
    pass


def resident_answer(model, prompt):
    """Greedy tokens, logits of every step and digest, of a network that is whole in memory."""
    torch.set_num_threads(2)
    network = build_qwen(model, "float32", quiet)
    digest = WeightsDigest()
    for name in model.spec.tensor_shapes():
        digest.add(name, network.get_parameter(name))
    cache, step, logits = None, torch.tensor(prompt), []
    with torch.inference_mode():
        for _ in range(TOKENS):
            out = network(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            logits.append(out.logits[:, -1].numpy().copy())
            step = out.logits[:, -1].argmax(-1)[:, None]
    return np.stack(logits, axis=1), digest.hexdigest()


@pytest.mark.parametrize("architecture", TINY)
def test_streaming_changes_no_bit_of_the_answer(architecture):
    model = synthetic_model(TINY[architecture])
    prompt = np.random.default_rng(0).integers(0, 500, (2, 40)).tolist()
    logits, digest = resident_answer(model, prompt)
    for kept in (0, 4 * model.spec.language_parameters // 3, 1 << 40):
        streamed = compute_reference(model, prompt, TOKENS, range(TOKENS), 2, quiet, keep_bytes=kept)
        assert np.array_equal(streamed.logits, logits), kept
        assert np.array_equal(streamed.tokens, logits.argmax(-1)) and streamed.weights_digest == digest
