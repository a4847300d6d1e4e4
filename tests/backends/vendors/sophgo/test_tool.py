"""A vendor's programs that work, fail, crash, hang, lie and talk rubbish: ours stand in their places, run for real."""

import numpy as np
import pytest

from backends.common.errors import WorkerError
from backends.vendors.sophgo import commands
from tests.backends.vendors.sophgo.conftest import recorded

pytestmark = pytest.mark.slow


def test_a_graph_is_compiled_and_its_figures_read(make_tool, onnx_file, probe):
    found = make_tool().compile(onnx_file, "decode_layer", probe)
    assert (found.cycles, found.duration_s, found.weight_bytes) == (36479, pytest.approx(36.479e-6), 1589248)
    assert found.working_bytes == 11904 + 106496
    assert found.artefact_bytes == len("the chip's program")
    assert found.details["frequency_hz"] == 10**9
    assert found.details["tensors_validated_by_the_compiler"] == 51
    assert found.compile_s == pytest.approx(found.details["transform_s"] + found.details["deploy_s"])


def test_the_simulator_answers_by_the_names_of_the_onnx_graph(make_tool, onnx_file, probe):
    tool = make_tool()
    tool.compile(onnx_file, "decode_layer", probe)
    found = tool.simulate("decode_layer", probe.inputs["decode_layer"][0])
    assert {name: array.shape for name, array in found.items()} == {
        "hidden_out": (1, 1, 256),
        "present.0.key": (1, 2, 1, 64),
        "present.0.value": (1, 2, 1, 64),
    }
    assert np.isfinite(found["hidden_out"]).all() and found["hidden_out"].any()


@pytest.mark.parametrize(
    "program, body, told",
    [
        ("model_transform__py", 'print("RuntimeError: Unsupport opset for ReduceMean"); sys.exit(1)',
         "model_transform.py ended with status 1: RuntimeError: Unsupport opset for ReduceMean"),
        ("model_transform__py", 'open("decode_layer.mlir", "w").write("x"); open("top.npz", "w").write("x"); '
         'print("[Failed]: npz_tool.py compare top.npz ref.npz")',
         r"ended with status 0 and said: \[Failed\]: npz_tool.py compare"),
        ("model_deploy__py", 'print("all is well")', "made no decode_layer.bmodel; it said last: all is well"),
        ("model_deploy__py", "os.kill(os.getpid(), signal.SIGSEGV)", "model_deploy.py was ended by SIGSEGV"),
        ("model_deploy__py", 'open("decode_layer.bmodel", "w").write("x"); '
         'open("compiler_profile_0.txt", "w").write("rubbish")', "compiler_profile_0.txt has no 'TCYC'"),
        ("model_tool", 'print("[BMODEL] FATAL: File[x] is broken ..."); sys.exit(255)', "status 255.*: .*is broken"),
        ("model_tool", 'print("\\0\\1 rubbish")', "model_tool --info has no 'device mem size'"),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_told_by_its_last_words(make_tool, onnx_file, probe, program, body, told):
    with pytest.raises(WorkerError, match=told) as failure:
        make_tool(**{program: body}).compile(onnx_file, "decode_layer", probe)
    assert "\n" not in str(failure.value)


def test_the_cause_stands_with_the_command_that_failed(make_tool, onnx_file, probe):
    body = 'print(open(RECORDED + "/deploy.bm1690e.f32.txt").read()); sys.exit(1)'
    assert "transpose == 0" in recorded("deploy.bm1690e.f32.txt")
    with pytest.raises(WorkerError, match=r"tpuc-opt .*; it said before: .*ASSERT .*transpose == 0"):
        make_tool(model_deploy__py=body).compile(onnx_file, "decode_layer", probe)


def test_a_program_that_hangs_is_ended(make_tool, onnx_file, probe, monkeypatch):
    monkeypatch.setattr(commands, "COMMAND_TIMEOUT_S", 0.5)
    with pytest.raises(WorkerError, match=r"gave no result within 0\.5 s and was stopped"):
        make_tool(model_transform__py="time.sleep(600)").compile(onnx_file, "decode_layer", probe)


@pytest.mark.parametrize(
    "body, told",
    [
        ('import numpy; numpy.savez("simulated.npz", other=numpy.zeros(3))',
         r"the simulator gave no output hidden_out \[1, 1, 256\], only other \[3\]"),
        ('import numpy; numpy.savez("simulated.npz", hidden_out_Add=numpy.zeros(3))', "gave no output hidden_out"),
        ("os.abort()", "model_runner.py was ended by SIGABRT"),
        ('open("simulated.npz", "w").close()', "made no simulated.npz"),
        ('open("simulated.npz", "w").write("rubbish")', "cannot be read"),
    ],
)  # fmt: skip
def test_a_simulator_without_the_outputs_is_a_failure(make_tool, onnx_file, probe, body, told):
    tool = make_tool(model_runner__py=body)
    tool.compile(onnx_file, "decode_layer", probe)
    with pytest.raises(WorkerError, match=told):
        tool.simulate("decode_layer", probe.inputs["decode_layer"][0])


def test_outputs_of_an_earlier_simulation_are_not_taken_for_this_ones(make_tool, onnx_file, probe):
    body = 'import numpy, os\nif not os.path.exists("once"):\n    open("once", "w").close()\n'
    shapes = '{"hidden_out_Add": 256, "present.0.key_Add": 128, "present.0.value_Transpose": 128}'
    body += f'    numpy.savez("simulated.npz", **{{name: numpy.ones(n) for name, n in {shapes}.items()}})'
    tool = make_tool(model_runner__py=body)
    tool.compile(onnx_file, "decode_layer", probe)
    tool.simulate("decode_layer", probe.inputs["decode_layer"][0])
    with pytest.raises(WorkerError, match=r"made no simulated\.npz"):
        tool.simulate("decode_layer", probe.inputs["decode_layer"][0])


def test_a_compiler_that_computes_in_another_type_is_found_out(make_tool, onnx_file, probe):
    body = 'print(open(RECORDED + "/decode_layer.cv184x.f16.info.txt").read())'
    with pytest.raises(WorkerError, match="was asked for F16 for bm1684x and compiled inputs of bfloat16"):
        make_tool(model_tool=body).compile(onnx_file, "decode_layer", probe)


def test_a_graph_too_large_to_simulate_says_so(make_tool, onnx_file, probe, monkeypatch):
    from backends.vendors.sophgo import tool as module

    tool = make_tool()
    tool.compile(onnx_file, "decode_layer", probe)
    assert tool.unsimulated("decode_layer") == ""
    monkeypatch.setattr(module, "SIMULATED_FLOPS_MAX", 1e6)
    assert "are more than the simulator does in minutes" in tool.unsimulated("decode_layer")


def test_long_work_says_that_it_goes_on(make_tool, onnx_file, probe, monkeypatch):
    monkeypatch.setattr(commands, "TELL_EVERY_S", 0.0)
    tool = make_tool()
    tool.compile(onnx_file, "decode_layer", probe)
    assert any("model_transform has worked for" in said for said in tool.said)
