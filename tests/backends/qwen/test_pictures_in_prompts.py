"""A picture in the prompt, in every family with a vision tower: reference, ``torch-cpu``, and transformers agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from backends.contract.backend import Execution
from backends.onnx_cpu.backend import OnnxCpu
from backends.qwen.images import make_image, pixel_values
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_images import image_arguments
from backends.qwen.torch_model import build_qwen
from backends.torch_cpu.backend import TorchCpu
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow

POSITIONS = tuple(range(6))
TOWERS = [name for name, spec in TINY.items() if spec.vision]


def quiet(text):
    pass


def prompt_of(spec, image):
    """Return ids ``[2, n]`` with the picture from its start on, and text around it."""
    begin, place, end = spec.image_tokens
    ids = np.random.default_rng(0).integers(0, 500, (2, image.start + image.tokens + 9))
    ids[:, image.start - 1], ids[:, image.start + image.tokens] = begin, end
    ids[:, image.start : image.start + image.tokens] = place
    return ids


@pytest.fixture(scope="module", params=TOWERS)
def shown(request):
    spec = TINY[request.param]
    model = synthetic_model(spec)
    image = make_image(model, 80, 112, 5, 2)
    prompt = prompt_of(spec, image)
    return model, image, prompt, compute_reference(model, prompt.tolist(), 6, POSITIONS, 2, quiet, image=image)


def test_torch_cpu_gives_the_answer_of_the_reference(shown):
    model, image, prompt, reference = shown
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 2, 2, prompt.shape[1] + 6, "", prompt.shape[1], image), quiet)
    for _ in range(2):  # the second run starts from caches and positions of the first
        run = backend.generate(prompt, 6)
        assert np.array_equal(np.array(run.token_ids), reference.tokens)
        assert 0 < run.image_ns < run.token_ns[0] - run.start_ns
    assert np.abs(backend.score(prompt, reference.tokens, list(POSITIONS)) - reference.logits).max() < 1e-4


def test_decoding_on_the_cache_equals_one_pass_over_everything(shown):
    """Of transformers: three-dimensional positions go on after the picture as in a prefill of the whole text."""
    model, image, prompt, reference = shown
    network = build_qwen(model, "float32", quiet, images=True)
    whole = np.concatenate([prompt, reference.tokens[:, :-1]], axis=1)
    with torch.inference_mode():
        logits = network(
            input_ids=torch.from_numpy(whole), **image_arguments(model, image, 2, whole.shape[1]), use_cache=False
        ).logits[:, -6:]
    assert np.abs(logits.numpy() - reference.logits).max() < 1e-3


def test_positions_are_those_of_rows_and_columns_within_the_picture(shown):
    """Worked out by hand: a picture's tokens stand at one time; what follows stands after its longer side."""
    model, image, prompt, _ = shown
    network, seen = build_qwen(model, "float32", quiet, images=True), []
    network.get_submodule("model.language_model").register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["position_ids"]), with_kwargs=True
    )
    arguments = image_arguments(model, image, 2, prompt.shape[1])
    with torch.inference_mode():
        network(input_ids=torch.from_numpy(prompt), **arguments, logits_to_keep=1)
    rows, columns = image.height // model.spec.vision.factor, image.width // model.spec.vision.factor
    high, wide = np.divmod(np.arange(image.tokens), columns)
    picture = image.start + np.stack([np.zeros(image.tokens, np.int64), high, wide])
    after = image.start + max(rows, columns) + np.arange(prompt.shape[1] - image.start - image.tokens)
    before, after = (np.stack([part] * 3) for part in (np.arange(image.start), after))
    expected = np.concatenate([before, picture, after], axis=1)
    for row in range(2):
        assert np.array_equal(seen[0][-3:, row].long().numpy(), expected)


def test_another_picture_gives_another_answer(shown):
    model, image, prompt, reference = shown
    arguments = image_arguments(model, image, 2, prompt.shape[1])
    network = build_qwen(model, "float32", quiet, images=True)
    other = arguments["pixel_values"].flip(0)
    with torch.inference_mode():
        logits = network(input_ids=torch.from_numpy(prompt), **{**arguments, "pixel_values": other}).logits[:, -1]
    assert np.abs(logits.numpy() - reference.logits[:, 0]).max() > 1e-3


def test_a_tower_answers_in_the_scale_of_embedded_tokens_and_does_the_counted_work(shown):
    model, image, prompt, _ = shown
    network = build_qwen(model, "float32", quiet, images=True)
    arguments = image_arguments(model, image, 2, prompt.shape[1])
    tower, counter = network.get_submodule("model.visual"), FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        out = tower(arguments["pixel_values"], grid_thw=arguments["image_grid_thw"])
    assert counter.get_total_flops() == 2 * model.spec.image_flops(image.height, image.width)
    tokens = out.pooler_output if isinstance(out.pooler_output, torch.Tensor) else torch.cat(list(out.pooler_output))
    embedded = network.get_submodule(f"{model.spec.family.language_prefix}embed_tokens").weight
    assert 0.5 < tokens.std() / embedded.std() < 2.0


def test_logits_stay_healthy_beside_a_picture(shown):
    _, _, _, reference = shown
    assert 1.5 < reference.logits.std() < 4.5


def test_a_picture_of_odd_windows_does_the_counted_work():
    spec = replace(TINY["qwen2_5_vl"], vision=replace(TINY["qwen2_5_vl"].vision, window=48, depth=3, full_blocks=(2,)))
    model = synthetic_model(spec)
    image = make_image(model, 112, 176, 1, 1)
    network, counter = build_qwen(model, "float32", quiet, images=True), FlopCounterMode(display=False)
    pixels = torch.from_numpy(pixel_values(model, image.height, image.width, 1))
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        network.get_submodule("model.visual")(pixels, grid_thw=torch.tensor([[1, 14, 22]]))
    assert counter.get_total_flops() == spec.image_flops(image.height, image.width)


@pytest.mark.parametrize("architecture", ["qwen3", "qwen3_5", "qwen3_moe", "qwen3_5_moe", "qwen3_vl", "qwen4_exp"])
def test_turns_on_a_kept_cache_say_what_turns_prefilled_again_say(architecture):
    model = synthetic_model(TINY[architecture])
    draw = np.random.default_rng(1)
    prompt, later = draw.integers(0, 500, (2, 70)), [draw.integers(0, 500, (2, length)) for length in (5, 1, 17)]
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 2, 2, 70 + 23 + 4 * 4), quiet)
    again = backend.converse(prompt, later, 4, keep=False)
    kept = backend.converse(prompt, later, 4, keep=True)
    assert [run.token_ids for run in kept] == [run.token_ids for run in again]
    assert len({run.token_ids for run in kept}) == 4


@pytest.mark.parametrize("architecture", ["qwen3", "qwen3_5"])
def test_onnx_cpu_keeps_the_cache_of_one_sequence(architecture):
    model = synthetic_model(TINY[architecture])
    draw = np.random.default_rng(1)
    prompt, later = draw.integers(0, 500, (1, 70)), [draw.integers(0, 500, (1, length)) for length in (5, 1, 17)]
    execution, backend, other = Execution(model, "float32", 2, 1, 70 + 23 + 4 * 4), OnnxCpu(), TorchCpu()
    backend.prepare(execution, quiet)
    backend.load(execution, quiet)
    other.load(execution, quiet)
    expected = [run.token_ids for run in other.converse(prompt, later, 4, keep=False)]
    for keep in (True, False):
        assert [run.token_ids for run in backend.converse(prompt, later, 4, keep=keep)] == expected
