"""Every engine computes what the float32 reference computes, within the limits of its precision."""

from itertools import pairwise

import numpy as np
import pytest

from backends.onnx_cpu.backend import OnnxCpu
from backends.torch_cpu.backend import TorchCpu
from profiler.run.parity import score

PATHS = [(kind, precision) for kind in (TorchCpu, OnnxCpu) for precision in kind.precisions]
pytestmark = pytest.mark.parametrize(
    ("kind", "precision"), PATHS, ids=[f"{kind.name}@{precision}" for kind, precision in PATHS]
)


@pytest.fixture
def workload(make_workload_of):
    return make_workload_of(prompt_tokens=12, output_tokens=10, batch=2)


@pytest.fixture
def prompt(workload):
    return np.asarray(workload.prompt_ids, dtype=np.int64)


@pytest.fixture
def backend(load, kind, precision, tiny_model, workload):
    return load(kind, tiny_model, precision, workload)


@pytest.fixture
def reference(reference_of, tiny_model, workload):
    return reference_of(tiny_model, workload)


def test_teacher_forced_logits_pass_the_parity_gate(backend, reference, prompt, precision):
    logits = backend.score(prompt, reference.tokens, list(range(10)))
    assert logits.dtype == np.float32
    parity = score(logits, reference.logits, precision, (), ())
    assert parity.passed, parity
    if precision == "float32":
        assert parity.max_abs_logit_error < 1e-3


def test_only_the_positions_asked_for_are_scored(backend, reference, prompt):
    everything = backend.score(prompt, reference.tokens, list(range(10)))
    some = backend.score(prompt, reference.tokens, [0, 4, 9])
    np.testing.assert_array_equal(some, everything[:, [0, 4, 9]])


def test_generation_is_greedy_over_the_scored_logits(backend, prompt):
    tokens = np.asarray(backend.generate(prompt, 10).token_ids)
    own = backend.score(prompt, tokens, list(range(10)))
    np.testing.assert_array_equal(own.argmax(-1), tokens)


def test_a_second_generation_starts_afresh(backend, prompt):
    first = backend.generate(prompt, 10).token_ids
    assert backend.generate(prompt[:, :5], 3).token_ids != tuple(row[:3] for row in first)
    assert backend.generate(prompt, 10).token_ids == first


def test_every_token_has_a_later_time_than_the_one_before(backend, prompt):
    run = backend.generate(prompt, 10)
    times = [run.start_ns, *run.token_ns]
    assert len(run.token_ns) == 10
    assert all(earlier < later for earlier, later in pairwise(times))


def test_rows_of_a_batch_do_not_touch_each_other(
    load, kind, precision, backend, tiny_model, make_workload_of, prompt, reference
):
    together = backend.score(prompt, reference.tokens, [0, 5, 9])
    alone = load(kind, tiny_model, precision, make_workload_of(12, 10, batch=1))
    for row in range(2):
        single = alone.score(prompt[row : row + 1], reference.tokens[row : row + 1], [0, 5, 9])
        # bfloat16 rounds after sums whose order depends on the number of rows.
        tolerance = 1e-4 if precision != "bfloat16" else 0.3
        np.testing.assert_allclose(single[0], together[row], atol=tolerance)
    assert np.abs(together[0] - together[1]).max() > 1


def test_a_prompt_of_one_token_and_one_output_token_fit_a_cache_of_two(
    load, kind, precision, tiny_model, make_workload_of, reference_of
):
    workload = make_workload_of(prompt_tokens=1, output_tokens=1)
    smallest = load(kind, tiny_model, precision, workload)
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    run = smallest.generate(prompt, 1)
    logits = smallest.score(prompt, np.asarray(run.token_ids), [0])
    assert logits.shape == (1, 1, tiny_model.spec.vocab_size)
    expected = reference_of(tiny_model, workload).logits
    assert score(logits, expected, precision, (), ()).kl_mean < 0.6
