"""One layer and the head through a compiler's hands: exported, checked, compiled, simulated, compared.

ONNX Runtime stands in for a vendor's compiler and simulator here, exact or spoilt on purpose.
"""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Execution
from backends.contract.compiled import CompiledGraph
from backends.qwen.reference import compute_reference
from backends.qwen.synthetic import synthetic_model
from backends.vendors.base import layerwise
from backends.vendors.base.layerwise import VendorTool, compile_and_simulate, cut_to_one_layer
from profiler.run.parity import score


class OrtTool(VendorTool):
    rewrites = ("divide_in_rms_norm", "finite_mask", "older_ir_version")

    def __init__(self):
        self.sessions, self.probe, self.runs = {}, None, Counter()

    def compile(self, graph, name, probe):
        self.sessions[name] = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        self.probe = probe
        return CompiledGraph(name, "whole", (), 0, cycles=1000, weight_bytes=5, working_bytes=2)

    def simulate(self, name, inputs):
        self.runs[name] += 1
        session = self.sessions[name]
        return dict(zip([out.name for out in session.get_outputs()], session.run(None, inputs), strict=True))


class HalfTool(OrtTool):
    """Rounds what every graph gives out to float16."""

    def simulate(self, name, inputs):
        return {key: value.astype(np.float16) for key, value in super().simulate(name, inputs).items()}


class BrokenTool(OrtTool):
    """Gives what is not a number out of one place of the head."""

    def simulate(self, name, inputs):
        found = super().simulate(name, inputs)
        if name == "head":
            found["logits"][0, 0, 7] = np.nan
        return found


class WrongTool(OrtTool):
    """Computes the layer of a decode step without its cache."""

    def simulate(self, name, inputs):
        if name == "decode_layer":
            inputs = {key: np.zeros_like(value) if "past" in key else value for key, value in inputs.items()}
        return super().simulate(name, inputs)


@pytest.fixture
def model(make_spec):
    return synthetic_model(make_spec(layers=3))


@pytest.fixture
def workload(make_workload_of):
    return make_workload_of(prompt_tokens=12, output_tokens=10, batch=2)


@pytest.fixture
def run(model, workload, tmp_path):
    def go(tool, work=workload):
        execution = Execution(model, "float16", 1, work.batch, work.total_tokens)
        said = []
        return compile_and_simulate(tool, execution, work, tmp_path, said.append), said

    return go


def test_the_logits_are_those_of_the_model_cut_to_one_layer(model, workload, run):
    tool = OrtTool()
    found, said = run(tool)
    expected = compute_reference(cut_to_one_layer(model), workload.prompt_ids, 3, (0, 1, 2), 1, lambda _: None)
    np.testing.assert_allclose(found.expected, expected.logits, atol=1e-5)
    assert found.logits.shape == (2, 3, 512)
    assert score(found.logits, found.expected, "float32", (), ()).passed
    assert tool.runs == {"prefill_layer": 1, "decode_layer": 2, "head": 3}
    assert said[-1] == "simulating head"


def test_every_graph_counts_as_often_as_the_model_has_it(run):
    found, _ = run(OrtTool())
    told = {one.name: (one.part, one.phases, one.copies) for one in found.graphs}
    assert told == {
        "prefill_layer": ("layer", ("prefill",), 3),
        "decode_layer": ("layer", ("decode",), 3),
        "head": ("head", ("prefill", "decode"), 1),
    }
    for one in found.graphs:
        assert one.cycles == 1000 and one.rewrites["divide_in_rms_norm"] > 0 and one.simulate_s > 0


def test_closeness_is_of_the_graph_alone(run):
    exact = {one.name: one for one in run(OrtTool())[0].graphs}
    rounded = {one.name: one for one in run(HalfTool())[0].graphs}
    for name, one in exact.items():
        assert one.max_abs_error == 0 and one.cosine == pytest.approx(1)
        other = rounded[name]
        # What float16 loses of the largest value: 11 bits of significand, half a unit in the last place.
        assert 0 < other.max_abs_error <= other.reference_abs_max * 2**-11
        assert 0.9999 < other.cosine < 1


def test_what_is_not_a_number_is_as_far_from_right_as_can_be(run):
    found, _ = run(BrokenTool())
    close = {one.name: (one.max_abs_error, one.cosine) for one in found.graphs}
    assert close["head"] == (sys.float_info.max, 0.0)
    assert close["prefill_layer"] == (0, pytest.approx(1))
    parity = score(found.logits, found.expected, "float16", (), ())
    assert not parity.passed


def test_a_wrong_graph_is_told_apart_from_the_right_ones(run):
    found, _ = run(WrongTool())
    cosine = {one.name: one.cosine for one in found.graphs}
    assert cosine["decode_layer"] < 0.999 < cosine["prefill_layer"] == pytest.approx(1) == cosine["head"]
    parity = score(found.logits, found.expected, "float16", (), ())
    assert not parity.passed
    assert parity.abs_logit_error[0] < 1e-4 < min(parity.abs_logit_error[1:3])


def test_a_single_output_token_needs_no_decode_step(run, workload):
    tool = OrtTool()
    with pytest.raises(InputError, match="at least 2 output tokens"):
        run(tool, replace(workload, output_tokens=1))
    assert not tool.runs


def test_a_graph_that_no_file_holds_is_refused_before_anything_is_computed(run, monkeypatch):
    from backends.portable import export
    from backends.portable.export import GraphTooLargeError

    monkeypatch.setattr(export, "PROTOBUF_LIMIT_BYTES", 10**6 + 10**5)
    monkeypatch.setattr(layerwise, "compute_reference", lambda *given: pytest.fail("the reference was computed"))
    tool = OrtTool()
    with pytest.raises(GraphTooLargeError, match="one ONNX file holds"):
        run(tool)
    assert not tool.sessions


def test_compilers_calibrate_on_what_the_graphs_really_see(run, model, workload):
    tool = OrtTool()
    run(tool)
    hidden = tool.probe.inputs["prefill_layer"][0]["hidden"]
    assert hidden.shape == (2, 12, 64)
    assert [len(tool.probe.inputs[name]) for name in ("prefill_layer", "decode_layer", "head")] == [1, 2, 3]
    assert tool.probe.outputs["head"][0]["logits"].shape == (2, 1, 512)


def test_no_toolchain_is_asked_about_an_export_that_is_wrong(run, monkeypatch):
    def broken(spec, positions):
        cos, sin = rotary(spec, positions)
        return cos, -sin

    from backends.portable import export

    rotary = export.rotary_tables
    monkeypatch.setattr(export, "rotary_tables", broken)
    tool = OrtTool()
    with pytest.raises(WorkerError, match=r"differs from the float32 reference by .* no toolchain was asked"):
        run(tool)
    assert not tool.sessions


def test_the_files_a_toolchain_gets_are_rewritten_and_the_portable_ones_stay(run, tmp_path):
    run(OrtTool())
    plain, given = (onnx.load(tmp_path / f"prefill_layer{suffix}") for suffix in (".portable.onnx", ".onnx"))
    assert (plain.ir_version, given.ir_version) == (10, 8)
    assert len(given.graph.node) < len(plain.graph.node)


def test_a_cut_checkpoint_is_its_first_layer(make_spec, write_checkpoint, tmp_path):
    from backends.qwen.checkpoint import read_checkpoint

    whole = read_checkpoint(write_checkpoint(tmp_path / "checkpoint", synthetic_model(make_spec(layers=3))))
    cut = cut_to_one_layer(whole)
    assert cut.spec.layers == 1 and cut.checkpoint == whole.checkpoint
    assert layerwise.DECODE_STEPS == 2
