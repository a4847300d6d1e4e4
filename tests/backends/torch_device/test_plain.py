"""Families without a decoder of ours run through transformers' modules, and the record says so."""

import numpy as np
import pytest

from backends.common.errors import UnavailableError
from backends.contract.backend import Execution
from backends.qwen.synthetic import synthetic_model
from backends.torch_device.backend import RECORDED
from tests.backends.qwen.families import TINY

NEWER = [name for name in TINY if name not in RECORDED]


@pytest.mark.parametrize("architecture", NEWER)
def test_every_family_gives_the_answer_of_the_reference(
    architecture, load, host_accelerator, reference_of, make_workload_of
):
    model, workload = synthetic_model(TINY[architecture]), make_workload_of(9, 4, 2, 500)
    reference = reference_of(model, workload)
    backend, prompt = load(host_accelerator, model, "float32", workload), np.asarray(workload.prompt_ids)
    for _ in range(2):  # the second run starts from caches that hold the first
        generated = backend.generate(prompt, 4)
        assert np.array_equal(np.asarray(generated.token_ids), reference.tokens)
        assert list(generated.token_ns) == sorted(generated.token_ns) and len(generated.token_ns) == 4
    logits = backend.score(prompt, reference.tokens, [0, 3])
    np.testing.assert_allclose(logits, reference.logits[:, [0, 3]], atol=1e-4)


def test_the_facts_say_that_nothing_was_recorded(host_accelerator, reference_of, make_workload_of):
    model, workload = synthetic_model(TINY["qwen3_moe"]), make_workload_of(5, 2, 1, 500)
    backend = host_accelerator()
    facts = backend.load(Execution(model, "float32", 1, 1, workload.total_tokens), lambda text: None)
    assert facts.details["path"].startswith("transformers' modules") and facts.details["graph"].startswith("none")
    assert facts.details["experts"] and backend.trials() == ()
    assert facts.weights_digest == reference_of(model, workload).weights_digest


def test_a_precision_that_only_our_decoder_has_is_refused_before_weights_are_made(host_accelerator):
    model, said = synthetic_model(TINY["qwen3_5"]), []
    with pytest.raises(UnavailableError, match=r"quantises qwen2 and qwen3 only, not qwen3_5.*use test-host@bfloat16"):
        host_accelerator().load(Execution(model, "int8", 1, 1, 16), said.append)
    assert said == []


def test_memory_holds_every_expert_and_the_states(host_accelerator, make_workload_of):
    spec, workload = TINY["qwen3_next"], make_workload_of(5, 2, 1, 500)
    needed = host_accelerator.memory_needed_bytes(spec, "bfloat16", workload)
    without = host_accelerator.memory_needed_bytes(TINY["qwen3"], "bfloat16", workload)
    assert needed - without > spec.weight_bytes("bfloat16") - 2 * TINY["qwen3"].weight_bytes("bfloat16")
