"""The compiler's versions of a layer compute the same, and one of them serves every layer."""

import numpy as np
import pytest
import torch

from backends.contract.trials import choose, try_all
from backends.qwen.synthetic import synthetic_model
from backends.torch_device.paths import PLAIN, compiled_path, why_not_compiled
from backends.torch_device.runner import Runner
from backends.torch_device.weights import build_decoder

pytestmark = pytest.mark.slow


@pytest.fixture
def logits(tiny_model):
    """Logits of six positions by the given path."""
    prompt = np.arange(2 * 20, dtype=np.int64).reshape(2, 20)

    def run(path, precision):
        decoder, _ = build_decoder(tiny_model, precision, "cpu", lambda text: None)
        runner = Runner(decoder, 2, 32, device="cpu", module=torch.cpu, graph="none", paths=(path,), prefill_tokens=64)
        return np.stack(runner.score(prompt, prompt[:, :6], list(range(6))), 1)

    return run


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_layer_is_traced_whole_and_computes_the_same(logits, precision):
    """``fullgraph`` raises on anything the compiler cannot follow; the tracer alone runs here, the code generator does
    not."""
    torch._dynamo.reset()
    np.testing.assert_array_equal(logits(compiled_path("aot_eager"), precision), logits(PLAIN, precision))


def test_all_layers_share_what_is_compiled(logits):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    logits(compiled_path("aot_eager"), "float32")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 3  # prefill, step, logits; three layers


def test_the_code_generator_writes_into_the_cache(make_spec):
    """The real one, once: a cache it copied instead of writing would lose every token."""
    torch._dynamo.reset()
    model = synthetic_model(make_spec(layers=1))
    prompt = np.arange(20, dtype=np.int64)[None]
    found = []
    for path in (PLAIN, compiled_path()):
        decoder, _ = build_decoder(model, "float32", "cpu", lambda text: None)
        runner = Runner(decoder, 1, 32, device="cpu", module=torch.cpu, graph="none", paths=(path,), prefill_tokens=64)
        found.append(np.stack(runner.score(prompt, prompt[:, :4], [0, 3]), 1))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_the_fastest_candidate_wins_and_a_failing_one_is_a_reason():
    def broken():
        raise RuntimeError("no compiler\nwith a long explanation")

    candidates = {"slow": lambda: lambda: 2.0, "broken": broken, "quick": lambda: lambda: 1.0}
    way, trials = choose(try_all("a step", candidates))
    assert way == "quick" and [trial.chosen for trial in trials] == [False, False, True]
    assert [trial.failure for trial in trials] == ["", "RuntimeError: no compiler", ""]
    assert [trial.duration_s for trial in trials] == [2.0, None, 1.0]


def test_with_no_candidate_left_every_reason_is_told():
    def broken():
        raise ValueError("wrong head size")

    with pytest.raises(RuntimeError, match="a: ValueError: wrong head size"):
        choose(try_all("a step", {"a": broken}))


def test_without_triton_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert why_not_compiled("cuda:0") == "triton is not installed"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert why_not_compiled("cuda:0") == "" and why_not_compiled("cpu")
