"""What is made of nncase's bad ends; a script stands in for it."""

import numpy as np
import pytest

from backends.common.errors import WorkerError
from backends.portable.export import Form, build_graph, save_graph
from backends.qwen.synthetic import synthetic_model
from backends.vendors.base.driven import Driver
from backends.vendors.base.layerwise import Probe
from backends.vendors.canaan.path import Nncase
from backends.vendors.canaan.tool import NncaseTool
from tests.backends.vendors.canaan.test_listing import RECORDED
from tests.backends.vendors.stand_in import StandIn

COMPILE = """
import json, os, pathlib, sys
import numpy as np
job = json.load(open(sys.argv[1]))
if job['mode'] == 'simulate':
    os.abort()
if WRITES:
    pathlib.Path(job['artefact']).write_bytes(b'kmodel')
if LISTING:
    folder = pathlib.Path(job['dump'], '7_TargetDependentAfterQuantPass', '9_Fusion', 'main')
    folder.mkdir(parents=True)
    (folder / 'Start_main.il').write_text(pathlib.Path(LISTING).read_text())
pathlib.Path(job['result']).write_text(json.dumps({'import_s': 0.5}))
"""


@pytest.fixture
def compile_with(make_spec, tmp_path):
    spec = make_spec()
    path = tmp_path / "head.onnx"
    save_graph(build_graph(synthetic_model(spec), Form("decode", "head", 1)), path)
    hidden = np.ones((1, 1, spec.hidden_size), np.float32)
    probe = Probe({"head": [{"hidden": hidden}] * 2}, {"head": [{"logits": np.zeros((1, 1, 512), np.float32)}]})

    def run(program, precision="int8", **values):
        for name, value in values.items():
            program = program.replace(name.upper(), repr(value))
        script = tmp_path / "script.py"
        script.write_text(program)
        tool = NncaseTool(Driver(StandIn("nncase"), script, lambda text: None, 60), "k230", precision)
        return tool, tool.compile(path, "head", probe)

    return run


def test_the_listing_goes_into_the_record_and_leaves_the_disk(compile_with, tmp_path):
    tool, found = compile_with(COMPILE, writes=True, listing=str(RECORDED / "prefill_layer_int8.il"))
    assert found.details["kpu_operators"]["GNNEConv2D"] == 7 and found.details["cpu_operators"]["Softmax"] == 1
    assert (found.artefact_bytes, found.duration_s, found.details["calibration_samples"]) == (6, None, 2)
    assert not (tmp_path / "head" / "dump").exists()
    with pytest.raises(WorkerError, match=r"nncase: simulate_head\.py was ended by SIGABRT"):
        tool.simulate("head", {"hidden": np.ones((1, 1, 64), np.float32)})


def test_floats_are_not_calibrated(compile_with):
    _, found = compile_with(COMPILE, "float32", writes=True, listing=str(RECORDED / "prefill_layer_int8.il"))
    assert found.details["calibration_samples"] == 0


def test_no_kmodel_is_a_failure(compile_with):
    with pytest.raises(WorkerError, match="compiling head left no kmodel"):
        compile_with(COMPILE, writes=False, listing="")


def test_no_listing_is_a_failure(compile_with):
    with pytest.raises(WorkerError, match="wrote no listing"):
        compile_with(COMPILE, writes=True, listing="")


def test_a_listing_of_rubbish_is_a_failure(compile_with, tmp_path):
    (tmp_path / "rubbish.il").write_text("\x00 not a listing")
    with pytest.raises(WorkerError, match="holds no operator"):
        compile_with(COMPILE, writes=True, listing=str(tmp_path / "rubbish.il"))


def test_its_own_abort_is_told_in_its_words(compile_with):
    program = f"import os\nprint(open({str(RECORDED / 'assertion_failed.txt')!r}).read(), flush=True)\nos.abort()\n"
    with pytest.raises(WorkerError, match=r"compile_head\.py was ended by SIGABRT: Process terminated\. Assertion"):
        compile_with(program)


@pytest.mark.parametrize("device", ["", "k510", "K210"])
def test_other_chips_are_refused_with_the_one_there_is(device):
    assert Nncase.refuses(device, "int8").endswith("such as nncase:k230")


def test_the_chip_is_found_whatever_its_case():
    assert not Nncase.refuses("K230", "float32") and Nncase.chip("K230") == "canaan-k230"
