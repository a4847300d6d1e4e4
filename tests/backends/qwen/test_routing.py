"""A routing is recorded as the routers chose it, replayed to the letter, and refused where it does not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from backends.common.errors import InputError
from backends.contract.backend import Execution
from backends.contract.registry import parse_target
from backends.qwen.channels import Experts
from backends.qwen.reference import compute_reference
from backends.qwen.routers import Recorder
from backends.qwen.routing import replaying, sparse_layers, write_routing
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from backends.torch_cpu.backend import TorchCpu
from profiler.run.request import Request, hindrance
from tests.backends.qwen.families import TINY

POSITIONS = (0, 1, 2, 3, 4)
BATCH, TOKENS = 2, 16
MIXTURES = sorted(name for name, spec in TINY.items() if spec.experts)


def quiet(text):
    pass


@pytest.fixture(scope="module")
def workload(make_workload_of):
    return make_workload_of(12, 5, BATCH, 500)


def reference_of(model, workload):
    return compute_reference(model, workload.prompt_ids, 5, POSITIONS, 1, quiet)


def random_routing(path, spec, seed=0):
    """Write choices that no router made, each token's experts distinct and in any order."""
    shape = (len(sparse_layers(spec)), BATCH, TOKENS, spec.experts.count)
    chosen = np.argsort(np.random.default_rng(seed).random(shape), axis=-1)[..., : spec.experts.per_token]
    write_routing(path, spec, chosen)
    return chosen


@pytest.mark.parametrize("architecture", MIXTURES)
def test_a_replay_of_the_routers_own_choice_changes_nothing(architecture, workload, tmp_path):
    model = synthetic_model(TINY[architecture])
    own = reference_of(model, workload)
    assert own.routing.shape == (len(sparse_layers(model.spec)), BATCH, TOKENS, model.spec.experts.per_token)
    write_routing(tmp_path / "routing.json", model.spec, own.routing)
    again = reference_of(replaying(model, tmp_path / "routing.json", BATCH, TOKENS), workload)
    assert np.array_equal(again.routing, own.routing) and np.array_equal(again.tokens, own.tokens)
    assert np.abs(again.logits - own.logits).max() < 1e-5


@pytest.mark.parametrize("architecture", ["qwen3_moe", "qwen3_5_moe"])
def test_every_path_takes_the_choices_of_the_file(architecture, workload, tmp_path):
    plain = synthetic_model(TINY[architecture])
    chosen = random_routing(tmp_path / "routing.json", plain.spec)
    model = replaying(plain, tmp_path / "routing.json", BATCH, TOKENS)
    reference = reference_of(model, workload)
    assert np.array_equal(reference.routing, chosen)
    assert np.abs(reference.logits - reference_of(plain, workload).logits).max() > 1e-2
    backend = TorchCpu()
    backend.load(Execution(model, "float32", 1, BATCH, workload.total_tokens), quiet)
    prompt = np.array(workload.prompt_ids)
    for _ in range(2):
        assert np.array_equal(np.array(backend.generate(prompt, 5).token_ids), reference.tokens)
    scored = backend.score(prompt, reference.tokens, list(POSITIONS))
    assert np.abs(scored - reference.logits).max() < 1e-4
    distinct = [np.unique(layer[:, token]).size for layer in chosen for token in range(12, TOKENS)]
    assert backend.expert_use().distinct == np.mean(distinct)


def test_chosen_experts_are_weighed_by_the_routers_own_logits(tmp_path, workload):
    spec = TINY["qwen2_moe"]  # whose weights do not add up to 1
    random_routing(tmp_path / "routing.json", spec)
    network = build_qwen(replaying(synthetic_model(spec), tmp_path / "routing.json", BATCH, TOKENS), "float32", quiet)
    heard = []
    network.model.layers[0].mlp.gate.register_forward_hook(lambda module, inputs, output: heard.append(output))
    with torch.inference_mode():
        network(input_ids=torch.tensor(workload.prompt_ids))
    logits, scores, chosen = heard[0]
    assert torch.allclose(scores, logits.softmax(-1).gather(-1, chosen)) and (scores.sum(-1) < 0.999).any()


def test_a_recorder_hears_layers_with_experts_only():
    spec = replace(TINY["qwen3_moe"], dense_layers=(1,), intermediate_size=64)
    network = build_qwen(synthetic_model(spec), "float32", quiet)
    recorder = Recorder(network, 1)
    with torch.inference_mode():
        network(input_ids=torch.arange(5)[None])
    assert sparse_layers(spec) == (0, 2) and recorder.chosen().shape == (2, 1, 5, 2)


def test_a_cut_model_takes_the_first_layers(tmp_path):
    model = synthetic_model(TINY["qwen3_moe"])
    random_routing(tmp_path / "routing.json", model.spec)
    cut = synthetic_model(model.spec.with_layers(2))
    assert replaying(cut, tmp_path / "routing.json", 1, 4).routing.recorded_with == "tiny"


def test_a_routing_is_part_of_what_makes_runs_comparable(tmp_path):
    model = synthetic_model(TINY["qwen3_moe"])
    digests = {model.digest}
    for seed in range(2):
        random_routing(tmp_path / f"{seed}.json", model.spec, seed)
        digests.add(replaying(model, tmp_path / f"{seed}.json", 1, 4).digest)
    assert len(digests) == 3


def test_a_path_whose_engine_chooses_refuses_to_replay(tmp_path, workload):
    model = synthetic_model(TINY["qwen3_moe"])
    random_routing(tmp_path / "routing.json", model.spec)
    request = Request(replaying(model, tmp_path / "routing.json", 1, 4), workload, (), 1, 1.0, 0.1, 9.0, "")
    assert "onnx-cpu cannot replay a routing" in str(hindrance(parse_target("onnx-cpu", None), request))


def test_a_file_that_changed_meanwhile_is_refused(tmp_path):
    model = synthetic_model(TINY["qwen3_moe"])
    random_routing(tmp_path / "routing.json", model.spec)
    replayed = replaying(model, tmp_path / "routing.json", 1, 4)
    random_routing(tmp_path / "routing.json", model.spec, 1)
    with pytest.raises(InputError, match="changed while the run was going on"):
        build_qwen(replayed, "float32", quiet)


def edited(**changes):
    return lambda found: {**found, **changes}


def choice(value):
    def change(found):
        found["layers"]["1"][0][3] = value
        return found

    return change


FAULTS = [
    (edited(schema="other/1"), "is no routing file: its schema is 'other/1'"),
    (edited(layers={}), "lacks the choices of layer 0"),
    (edited(model=3), "is a damaged routing file"),
    (lambda found: [], "is no routing file"),
    (choice([0, 8]), "layer 1 names an expert that is not among 0 to 7"),
    (choice([-1, 2]), "layer 1 names an expert"),
    (choice([2, 2]), "a token of layer 1 chooses the same expert twice"),
    (choice([2]), "layer 1 is not"),
]


@pytest.mark.parametrize(("damage", "words"), FAULTS)
def test_a_damaged_file_is_one_line(damage, words, tmp_path):
    model, path = synthetic_model(TINY["qwen3_moe"]), tmp_path / "routing.json"
    random_routing(path, model.spec)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(InputError) as error:
        replaying(model, path, 1, 4)
    assert words in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


OTHERS = {
    "other experts": replace(TINY["qwen3_moe"], name="other", experts=Experts(16, 2, 32)),
    "another family": replace(TINY["qwen2_moe"], name="other"),
    "more layers": replace(TINY["qwen3_moe"], name="other", layers=5),
    "another width": replace(TINY["qwen3_moe"], name="other", hidden_size=128),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_routing_of_another_model_is_refused(kind, tmp_path):
    random_routing(tmp_path / "routing.json", TINY["qwen3_moe"])
    with pytest.raises(InputError, match=r"is the routing of another model: tiny is qwen3_moe.*but other is"):
        replaying(synthetic_model(OTHERS[kind]), tmp_path / "routing.json", 1, 4)


@pytest.mark.parametrize(("sequences", "tokens"), [(BATCH + 1, 4), (1, TOKENS + 1)])
def test_a_routing_that_is_too_short_is_refused(sequences, tokens, tmp_path):
    model = synthetic_model(TINY["qwen3_moe"])
    random_routing(tmp_path / "routing.json", model.spec)
    with pytest.raises(InputError, match=f"holds 16 tokens of 2 sequences, but the run needs {tokens} of {sequences}"):
        replaying(model, tmp_path / "routing.json", sequences, tokens)


def test_a_model_without_experts_replays_nothing(tmp_path):
    random_routing(tmp_path / "routing.json", TINY["qwen3_moe"])
    with pytest.raises(InputError, match="has no experts"):
        replaying(synthetic_model(TINY["qwen3"]), tmp_path / "routing.json", 1, 4)


@pytest.mark.parametrize("data", [None, b"{", b"\xff"])
def test_a_file_that_is_not_there_or_no_json_is_named(data, tmp_path):
    if data is not None:
        (tmp_path / "routing.json").write_bytes(data)
    with pytest.raises(InputError, match=r"routing\.json (cannot be read|is no routing file)"):
        replaying(synthetic_model(TINY["qwen3_moe"]), tmp_path / "routing.json", 1, 4)
