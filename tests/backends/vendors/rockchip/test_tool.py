"""What is made of a toolchain's bad ends; a script that prints what the real one does stands in for it."""

import re

import numpy as np
import pytest

from backends.common.errors import WorkerError
from backends.portable.export import Form, build_graph, save_graph
from backends.qwen.synthetic import synthetic_model
from backends.vendors.base.driven import Driver
from backends.vendors.base.layerwise import Probe
from backends.vendors.rockchip.path import Rknn
from backends.vendors.rockchip.tool import RknnTool
from tests.backends.vendors.rockchip.test_table import RECORDED, REGTASK
from tests.backends.vendors.stand_in import StandIn

BUILD = """
import json, os, pathlib, sys, time
import numpy as np
job = json.load(open(sys.argv[1]))
print(pathlib.Path(PRINTED).read_text(), flush=True)
if job['platform'] != 'rk3562':
    open(job['artefact'], 'wb').write(b'model')
pathlib.Path(job['result'] + '.part').write_text(json.dumps({'build_s': 1.5}))
os.replace(job['result'] + '.part', job['result'])
requests = pathlib.Path(job['requests'])
while not (requests / 'stop').exists():
    request = requests / '1.request.json'
    if request.exists() and not (requests / '1.answer.json').exists():
        asked = json.loads(request.read_text())
        hidden = np.load(asked['inputs'])['hidden']
        np.savez(asked['outputs'], output_0=np.full((1, 1, LOGITS), hidden.sum(), np.float16))
        (requests / 'part').write_text('{"simulate_s": 0.1}')
        os.replace(requests / 'part', requests / '1.answer.json')
    time.sleep(0.01)
"""


@pytest.fixture
def graph(make_spec, tmp_path):
    path = tmp_path / "head.onnx"
    save_graph(build_graph(synthetic_model(make_spec()), Form("decode", "head", 1)), path)
    return path


@pytest.fixture
def probe(make_spec):
    spec = make_spec()
    hidden = np.ones((1, 1, spec.hidden_size), np.float32)
    logits = np.zeros((1, 1, spec.vocab_size), np.float32)
    return Probe({"head": [{"hidden": hidden}]}, {"head": [{"logits": logits}]})


@pytest.fixture
def tool_of(tmp_path):
    """A tool whose build prints ``printed``; every process it starts is ended."""
    made = []

    def make(printed, platform="rk3588", precision="float16", logits=512):
        (tmp_path / "printed.txt").write_text(printed)
        script = tmp_path / "script.py"
        script.write_text(BUILD.replace("PRINTED", repr(str(tmp_path / "printed.txt"))).replace("LOGITS", str(logits)))
        driver = Driver(StandIn("rknn-toolkit2"), script, lambda text: None, 60)
        made.append(RknnTool(driver, platform, precision))
        return made[-1]

    yield make
    for tool in made:
        tool.close()


def recorded(platform):
    return (RECORDED / f"decode_layer_{platform}.txt").read_text()


def test_what_the_table_says_goes_into_the_record(tool_of, graph, probe):
    tool = tool_of(recorded("rk3568"))
    found = tool.compile(graph, "head", probe)
    assert (found.weight_bytes, found.working_bytes) == (round(73.5625 * 1024), round(27.375 * 1024))
    assert (found.duration_s, found.cycles) == (None, None)
    assert (found.details["operators"], found.details["operators_with_cycles"]) == (43, 13)
    assert found.details["cpu_operators"] == {"Reshape": 3, "Transpose": 5, "exSoftmax13": 1}
    assert found.details["harmless_error_lines"] == {"Unkown op target: 0": 3}
    simulated = tool.simulate("head", {"hidden": np.full((1, 1, 64), 0.5, np.float32)})
    assert simulated["logits"].shape == (1, 1, 512) and (simulated["logits"] == 32).all()


def test_a_build_that_returns_0_and_prints_errors_has_failed(tool_of, graph, probe):
    printed = recorded("rk3588") + 2730 * REGTASK
    with pytest.raises(WorkerError, match=r"8190 error lines while it built head .* returned 0: 8190 x REGTASK;"):
        tool_of(printed).compile(graph, "head", probe)


def test_a_build_that_returns_0_and_leaves_nothing_has_failed(tool_of, graph, probe):
    with pytest.raises(WorkerError, match="left no model, although it returned 0"):
        tool_of(recorded("rk3588"), platform="rk3562").compile(graph, "head", probe)


@pytest.mark.parametrize("printed", ["", "I rknn building done.\n", "\x00\x7f rubbish \x1b[31m"])
def test_a_build_that_prints_no_table_has_failed(tool_of, graph, probe, printed):
    with pytest.raises(WorkerError, match="printed no table of operators"):
        tool_of(printed).compile(graph, "head", probe)


def test_a_simulator_that_gives_something_else_has_failed(tool_of, graph, probe):
    tool = tool_of(recorded("rk3588"), logits=5)
    tool.compile(graph, "head", probe)
    with pytest.raises(WorkerError, match=r"gave \[1, 1, 5\] where the graph has logits \[1, 1, 512\]"):
        tool.simulate("head", {"hidden": np.ones((1, 1, 64), np.float32)})


def test_quantised_builds_are_given_what_the_graph_really_saw(tool_of, graph, probe):
    found = tool_of(recorded("rk3576"), "rk3576", "int4").compile(graph, "head", probe)
    assert found.details["calibration_samples"] == 1
    with np.load(graph.with_suffix("") / "calibration_0.npz") as saved:
        assert (saved["hidden"] == 1).all()


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [
        ("rk3588", "int4", "no four-bit weights .* choose @int8, or one of rknn:rk3576, rknn:rv1126b"),
        ("", "float16", "no chip.* such as rknn:rk3588"),
        ("rk9999", "float16", "unknown chip .*'rk9999'"),
    ],
)
def test_what_the_compiler_lacks_is_refused_before_anything_starts(device, precision, said):
    assert re.search(said, Rknn.refuses(device, precision))


@pytest.mark.parametrize(("device", "precision"), [("rk3576", "int4"), ("RK3588", "float16"), ("rk3568", "int8")])
def test_what_it_has_is_not_refused(device, precision):
    assert not Rknn.refuses(device, precision)


def test_an_unknown_platform_is_unavailable():
    here = Rknn.probe("rk1808")
    assert not here.available and "rk1808" in here.reason and "rknn:rk3588" in here.remedy
