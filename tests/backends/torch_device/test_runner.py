"""The decoder, its cache and its runner, on the processor: they compute what the reference computes."""

import numpy as np
import pytest

from backends.torch_device import backend as torch_device
from profiler.run.parity import score

PRECISIONS = ("float32", "bfloat16", "float16", "int8")


@pytest.fixture
def workload(make_workload_of):
    """Long enough that steps of two extents of the cache are taken."""
    return make_workload_of(prompt_tokens=60, output_tokens=12, batch=3)


@pytest.fixture
def prompt(workload):
    return np.asarray(workload.prompt_ids, dtype=np.int64)


@pytest.fixture
def backend(load, host_accelerator, tiny_model, workload):
    return lambda precision: load(host_accelerator, tiny_model, precision, workload)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_teacher_forced_logits_pass_the_parity_gate(backend, reference_of, tiny_model, workload, prompt, precision):
    reference = reference_of(tiny_model, workload)
    logits = backend(precision).score(prompt, reference.tokens, list(range(12)))
    assert logits.dtype == np.float32 and logits.shape == reference.logits.shape
    parity = score(logits, reference.logits, precision, (), ())
    assert parity.passed, parity
    if precision == "float32":
        assert parity.max_abs_logit_error < 1e-4


def test_generation_is_greedy_over_the_scored_logits_and_starts_afresh(backend, prompt):
    ready = backend("float32")
    first = np.asarray(ready.generate(prompt, 12).token_ids)
    np.testing.assert_array_equal(ready.score(prompt, first, list(range(12))).argmax(-1), first)
    assert ready.generate(prompt[:, :7], 3).token_ids != tuple(map(tuple, first[:, :3]))
    np.testing.assert_array_equal(np.asarray(ready.generate(prompt, 12).token_ids), first)


def test_only_the_positions_asked_for_are_scored(backend, prompt):
    ready = backend("float32")
    forced = prompt[:, :12]
    everything = ready.score(prompt, forced, list(range(12)))
    np.testing.assert_array_equal(ready.score(prompt, forced, [0, 5, 11]), everything[:, [0, 5, 11]])


def test_a_batch_prefilled_in_groups_of_rows_is_the_same_batch(backend, prompt, monkeypatch):
    whole = backend("float32").score(prompt, prompt[:, :4], [0, 3])
    monkeypatch.setattr(torch_device, "PREFILL_TOKENS_AT_ONCE", 120)  # two rows of 60
    np.testing.assert_allclose(backend("float32").score(prompt, prompt[:, :4], [0, 3]), whole, atol=1e-4)


def test_what_lies_beyond_the_new_token_is_never_attended_to(backend, prompt):
    ready = backend("float32")
    clean = ready.score(prompt, prompt[:, :4], [3])
    for layer in ready._runner._decoder.stack():
        layer.keys.fill_(7.0)
        layer.values.fill_(-9.0)
    np.testing.assert_array_equal(ready.score(prompt, prompt[:, :4], [3]), clean)


def test_steps_read_no_more_of_the_cache_than_they_need(load, host_accelerator, tiny_model, make_workload_of):
    workload = make_workload_of(prompt_tokens=60, output_tokens=200)
    ready = load(host_accelerator, tiny_model, "float32", workload)
    ready.generate(np.asarray(workload.prompt_ids, dtype=np.int64), 200)
    assert sorted(ready._runner._steps) == [128, 256, 320]


def test_the_facts_say_what_ran(backend, tiny_model, workload):
    ready = backend("bfloat16")
    facts = ready.load(_execution(tiny_model, "bfloat16", workload), lambda text: None)
    assert (facts.engine, facts.arithmetic, facts.cache_precision) == ("torch", "bfloat16", "bfloat16")
    assert facts.step_weight_bytes == tiny_model.spec.decode_weight_bytes("bfloat16")
    (trial,) = ready.trials()
    assert (trial.work, trial.way, trial.chosen) == ("decode step", "plain; sdpa, masked", True)
    assert trial.duration_s > 0 and trial.ready_s > 0
    assert facts.details["graph"].startswith("none")


def test_quantised_weights_are_counted_as_they_are_stored(backend, tiny_model, workload):
    """A byte a weight; a float32 scale and an int8 zero point a row; norms and biases in bfloat16."""
    spec = tiny_model.spec
    facts = backend("int8").load(_execution(tiny_model, "int8", workload), lambda text: None)
    rows = (
        spec.layers * (spec.attention_width + 2 * spec.kv_width + 2 * spec.intermediate_size + 2 * spec.hidden_size)
        + spec.vocab_size
    )
    biases = 2 * spec.layers * (spec.attention_width + 2 * spec.kv_width) if spec.architecture == "qwen2" else 0
    norms = 2 * spec.hidden_size + (2 * spec.head_dim if spec.architecture == "qwen3" else 0)
    expected = spec.matmul_parameters + (4 + 1) * rows + 2 * (spec.layers * norms + spec.hidden_size) + biases
    assert facts.step_weight_bytes == expected


def _execution(model, precision, workload):
    from backends.contract.backend import Execution

    return Execution(model, precision, 1, workload.batch, workload.total_tokens)
