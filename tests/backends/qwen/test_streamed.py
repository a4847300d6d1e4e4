"""A network that makes its weights while it runs gives, bit for bit, the answer of one that holds them."""

import json
import subprocess
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backends.qwen.config import config_dict
from backends.qwen.footprint import layer_bytes, reference_bytes
from backends.qwen.model import Model
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from backends.qwen.weights import Weights
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


def test_forced_tokens_are_followed():
    model = synthetic_model(TINY["qwen3"])
    prompt = [[1, 2, 3, 4]]
    free = compute_reference(model, prompt, TOKENS, range(TOKENS), 1, quiet)
    same = compute_reference(model, prompt, TOKENS, range(TOKENS), 1, quiet, forced_ids=free.tokens)
    assert np.array_equal(same.logits, free.logits)
    other = compute_reference(model, prompt, TOKENS, range(TOKENS), 1, quiet, forced_ids=free.tokens + 1)
    assert np.array_equal(other.logits[:, 0], free.logits[:, 0])
    assert not np.array_equal(other.logits[:, 1], free.logits[:, 1])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A mixture whose experts are stored apart, as checkpoints before transformers 5 store them."""
    spec = TINY["qwen3_moe"]
    model, folder = synthetic_model(spec), tmp_path_factory.mktemp("checkpoint")
    read, stored = Weights(model).read, {}
    for weight in spec.language_weights():
        tensor = read(weight.name)
        if weight.role != "expert":
            stored[weight.name] = tensor
            continue
        stem, _, leaf = weight.name.rpartition(".")
        for number, expert in enumerate(tensor):
            for part, rows in zip(leaf.removesuffix("_proj").split("_"), expert.chunk(leaf.count("_")), strict=True):
                stored[f"{stem}.{number}.{part}_proj.weight"] = rows.contiguous()
    save_file(stored, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config_dict(spec)))
    return model, Model(spec, "of-the-checkpoint", checkpoint=str(folder))


def test_rows_of_a_checkpoint_are_rows_of_its_weights(checkpoint):
    synthetic, stored = map(Weights, checkpoint)
    for weight in synthetic.spec.language_weights():
        whole = synthetic.read(weight.name)
        assert torch.equal(stored.read(weight.name), whole)
        assert torch.equal(torch.cat(list(stored.in_parts(weight.name, 300))), whole)
        rows = [min(row, weight.shape[0] - 1) for row in (0, 3, 7)]
        assert torch.equal(synthetic.read(weight.name, rows[1], 1), whole[rows[1] : rows[1] + 1])
        if weight.role != "expert":
            assert torch.equal(stored.gather(weight.name, rows), whole[rows])
            assert torch.equal(synthetic.gather(weight.name, rows), whole[rows])


def test_a_streamed_checkpoint_gives_the_answer_of_its_weights(checkpoint):
    answers = [compute_reference(model, [[5, 6, 7]], 3, range(3), 1, quiet, keep_bytes=0) for model in checkpoint]
    assert np.array_equal(answers[0].logits, answers[1].logits)
    assert answers[0].weights_digest == answers[1].weights_digest


def test_rows_that_begin_inside_a_word_of_the_hash_are_right():
    weights = Weights(synthetic_model(replace(TINY["qwen3"], hidden_size=63)))
    whole = weights.read("model.embed_tokens.weight")
    assert torch.equal(weights.gather("model.embed_tokens.weight", [1, 2, 5]), whole[[1, 2, 5]])


def test_the_reference_of_a_deep_model_takes_the_memory_of_a_layer():
    """Sixteen layers of 23 MB and a head: all at once would add 400 MB."""
    spec = replace(TINY["qwen3"], hidden_size=1024, intermediate_size=1024, layers=16, vocab_size=509)
    script = (
        "import sys, msgspec\n"
        "from backends.qwen.model import Model\n"
        "from backends.qwen.reference import compute_reference\n"
        "model = msgspec.json.decode(sys.argv[1], type=Model)\n"
        "compute_reference(model, [[1, 2, 3, 4]], 2, [0, 1], 1, lambda text: None, keep_bytes=int(sys.argv[2]))\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    model = msgspec.json.encode(synthetic_model(spec)).decode()
    run = [sys.executable, "-c", script, model]
    dropped, kept = (
        1024 * int(subprocess.run([*run, str(keep)], check=True, capture_output=True, text=True).stdout)
        for keep in (0, 1 << 40)
    )
    assert kept - dropped > 0.7 * (4 * spec.language_parameters - layer_bytes(spec))
    assert dropped < reference_bytes(spec, 1, 4, 6)
