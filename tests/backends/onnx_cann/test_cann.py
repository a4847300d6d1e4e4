"""Whether CANN and an Ascend are here, told by files: every missing thing is one clear line with its remedy."""

import pytest

from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Execution
from backends.onnx_cann import cann, graphs, modes, session
from backends.onnx_cann.backend import OnnxCann
from backends.qwen.synthetic import synthetic_model
from tests.backends.conftest import quiet


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with nothing of Ascend's; ``install`` puts CANN's libraries into a folder, ``plug`` devices."""
    monkeypatch.setattr(cann, "DEVICES", tmp_path / "dev")
    monkeypatch.setattr(cann, "TOOLKIT", tmp_path / "toolkit")
    for name in ("LD_LIBRARY_PATH", *cann.HOMES):
        monkeypatch.delenv(name, raising=False)

    class Machine:
        def install(self, folder, names=cann.LIBRARIES):
            (tmp_path / folder).mkdir(parents=True)
            for name in names:
                (tmp_path / folder / name).touch()
            return tmp_path / folder

        def plug(self, *names):
            (tmp_path / "dev").mkdir()
            for name in names:
                (tmp_path / "dev" / name).touch()

    return Machine()


def test_without_cann(machine):
    here = cann.find_device("0")
    assert (
        not here.available and "libascendcl.so, libacl_op_compiler.so, libfmk_onnx_parser.so in none of" in here.reason
    )
    assert "set_env.sh" in here.remedy


def test_with_part_of_cann(machine):
    machine.install("toolkit/lib64", cann.LIBRARIES[:2])
    assert cann.find_device("0").reason.startswith("CANN is not found: libfmk_onnx_parser.so in none of")


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", *cann.HOMES, ""])
def test_cann_is_found_where_it_may_be_and_the_worker_gets_its_folder(machine, monkeypatch, variable):
    folder = machine.install("elsewhere/lib64" if variable else "toolkit/lib64")
    if variable:
        monkeypatch.setenv(variable, str(folder if variable == "LD_LIBRARY_PATH" else folder.parent))
    machine.plug("davinci0")
    assert cann.find_device("").available
    assert cann.library_path().split(":")[0] == str(folder)


def test_without_a_driver_and_with_another_device(machine):
    machine.install("toolkit/lib64")
    assert "no Ascend driver is loaded (there is no" in cann.find_device("0").reason
    machine.plug("davinci0", "davinci3", "davinci_manager")
    assert cann.find_device("3").available
    wrong = cann.find_device("1")
    assert wrong.reason.endswith("/davinci1, only 0, 3") and wrong.remedy == "choose one of them"
    assert cann.find_device("x").reason == "'x' is no device number"


def test_what_it_is_measured_with(make_spec, make_workload_of):
    assert OnnxCann.accelerator("3") == "npu:3" and OnnxCann.accelerator("") == "npu:0"
    assert "torch_npu is not installed" in OnnxCann.unmeasured_ceilings("0")
    spec, workload = make_spec(), make_workload_of()
    half, full = (OnnxCann.memory_needed_bytes(spec, precision, workload) for precision in OnnxCann.precisions)
    assert 2 * spec.parameters * 2 < half < full


def test_a_session_that_is_not_on_cann_is_an_error(make_spec, make_workload_of):
    """The ONNX Runtime of this environment has no CANN: asked for it alone, it opens on the CPU and only warns."""
    workload = make_workload_of(output_tokens=2)
    shape = (workload.batch, workload.total_tokens, "", workload.prompt_tokens)
    execution = Execution(synthetic_model(make_spec(layers=1)), "float32", 1, *shape)
    folder, _ = graphs.portable_graphs(execution, quiet)
    with (
        pytest.warns(UserWarning, match="CANNExecutionProvider"),
        pytest.raises(WorkerError, match="fell back to CPUExecutionProvider: CANN does not work here"),
    ):
        session.open_session(folder / "prefill.onnx", 0, "graph", 1)


def test_graphs_must_have_been_prepared_for_the_prompts_length(make_spec):
    execution = Execution(synthetic_model(make_spec(), seed=5), "float32", 1, 1, 20, "", 12)
    with pytest.raises(WorkerError, match=r"the exported graphs are gone from .* since they were made; run it again"):
        graphs.prepared_graphs(execution)
    with pytest.raises(InputError, match="need the prompt's length"):
        graphs.portable_graphs(Execution(synthetic_model(make_spec()), "float32", 1, 1, 20), quiet)


def test_a_graph_of_more_than_one_message_is_not_given_to_cann(tmp_path, monkeypatch):
    tried = []

    def ready(folder, device, mode, threads, running):
        tried.append(mode)
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(modes, "_make_ready", ready)
    with (tmp_path / "prefill.onnx.data").open("wb") as handle:
        handle.truncate(3_000_000_000)
    with pytest.raises(WorkerError, match=r"graph: a graph has 3\.00 GB .* \| single operator: .*no such kernel"):
        modes.fastest(tmp_path, 0, 1)
    assert tried == ["single operator"]
