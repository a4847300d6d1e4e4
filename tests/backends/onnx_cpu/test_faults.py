"""Parity against the weights that ONNX Runtime holds passes a healthy engine, and no faulty one, at every precision."""

from pathlib import Path

import numpy as np
import pytest

from backends.onnx_cpu.backend import PROVIDER, OnnxCpu
from backends.onnx_cpu.decoder import OnnxDecoder
from backends.onnx_cpu.dequantised import held_weights
from backends.onnx_cpu.export import exported_graph
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from profiler.run.parity import HeldReference, judge, score
from tests.backends.onnx_cpu.faults import FAULTS, Copy, applies
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow

PROMPT, OUTPUT = 24, 16
POSITIONS = list(range(OUTPUT))


def quiet(text):
    pass


def lose_a_row(decoder):
    """Let the cache of every layer keep, in place of the prompt's last token, what is there before it."""
    step = decoder.step

    def stale(token_ids):
        if decoder._length == PROMPT:
            for cache in decoder._caches:
                rows = cache.numpy().copy()
                rows[:, :, PROMPT - 1] = rows[:, :, PROMPT - 2]
                cache.update_inplace(rows)
        return step(token_ids)

    decoder.step = stale


class Case:
    """A model at a precision with both of its references."""

    def __init__(self, architecture, precision, seed):
        self.model, self.precision = synthetic_model(TINY[architecture], seed), precision
        vocabulary = self.model.spec.vocab_size
        self.prompt = np.array([[(37 * at * at + 5 * at + 3) % vocabulary for at in range(PROMPT)]])
        self.graph, _ = exported_graph(self.model, precision, 1, quiet)
        self.true = self.reference()
        self.held = None
        if precision != "float32":
            self.held = self.held_reference(self.graph)

    def reference(self, **options):
        return compute_reference(self.model, self.prompt.tolist(), OUTPUT, POSITIONS, 1, quiet, **options)

    def held_reference(self, graph):
        weights = held_weights(self.model, self.precision, graph)
        reference = self.reference(forced_ids=self.true.tokens, weights=weights)
        return HeldReference(reference.logits, weights.error(), weights.form.error_max)

    def decoder(self, graph):
        spec = self.model.spec
        return OnnxDecoder(
            graph, PROVIDER, threads=1, batch=1, capacity=PROMPT + OUTPUT, head_dim=spec.head_dim
        )  # fmt: skip

    def judged(self, decoder, held=None):
        logits = decoder.score(self.prompt, self.true.tokens, POSITIONS)
        loss = score(logits, self.true.logits, self.precision, (), ())
        arithmetic, spec = OnnxCpu.arithmetic(self.precision), self.model.spec
        return judge(loss, logits, self.precision, held or self.held, arithmetic,
                     mixture=spec.experts is not None, recurrent=spec.delta is not None)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("precision", OnnxCpu.precisions)
@pytest.mark.parametrize("architecture", ["qwen2", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe"])
def test_every_fault_fails_and_the_healthy_engine_passes(architecture, precision, seed, tmp_path):
    case = Case(architecture, precision, seed)
    healthy = case.judged(case.decoder(case.graph))
    assert healthy.passed, healthy.shortfall
    for name, plant in FAULTS.items():
        if applies(name, case.model.spec, precision):
            copy = Copy(case.graph, tmp_path / name)
            plant(copy, PROMPT)
            faulty = case.judged(case.decoder(copy.save()))
            assert not faulty.passed, (name, faulty)
    if applies("rotary_off_by_one", case.model.spec, precision):
        decoder = case.decoder(case.graph)
        lose_a_row(decoder)
        assert not case.judged(decoder).passed


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_experts_that_onnx_runtime_renormalises_against_the_graph_fail(precision):
    """QMoE (ONNX Runtime 1.32) ignores ``normalize_routing_weights = 0``; MoE, in float32, does as it says."""
    judged = Case("qwen2_moe", precision, 0)
    found = judged.judged(judged.decoder(judged.graph))
    assert not found.passed and found.arithmetic.kl_median > 0.1
    whole = Case("qwen2_moe", "float32", 0)
    assert whole.judged(whole.decoder(whole.graph)).passed


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_wrong_scale_in_the_file_is_not_hidden_by_reading_it_back(precision, tmp_path):
    case = Case("qwen3", precision, 0)
    copy = Copy(case.graph, tmp_path / "graph")
    copy.array("model.layers.1.mlp.down_proj.MatMul.weight_scales")[5, 2] *= 1.5
    graph = copy.save()
    judged = case.judged(case.decoder(graph), case.held_reference(graph))
    assert not judged.passed
    assert judged.arithmetic.shortfall.startswith("weights are off by")


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("architecture", OnnxCpu.architectures)
def test_every_quantised_weight_is_read_back_within_the_rounding_of_its_format(architecture, precision):
    model = synthetic_model(TINY[architecture])
    graph: Path = exported_graph(model, precision, 1, quiet)[0]
    weights = held_weights(model, precision, graph)
    left = {weight.name.split(".")[-2] for weight in model.spec.language_weights() if len(weight.shape) == 2
            and weight.name not in weights._held}  # fmt: skip
    assert left <= {"embed_tokens", "gate", "shared_expert_gate", "in_proj_a", "in_proj_b"}
    assert weights.form.error_max / 6 < weights.error() < weights.form.error_max / 2
