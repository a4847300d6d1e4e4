"""A driver's process that ends, dies, hangs or talks nonsense: each is one line for the user, and no traceback."""

import json
import textwrap

import numpy as np
import pytest

from backends.common.errors import WorkerError
from backends.vendors.base import driven
from backends.vendors.base.driven import Driver, load_outputs
from tests.backends.vendors.stand_in import StandIn

pytestmark = pytest.mark.slow

READ = "import json, os, sys, time\njob = json.load(open(sys.argv[1]))\n"
ANSWER = READ + "open(job['result'], 'w').write(json.dumps({'seen': job['number']}))\n"
ABORT = READ + "print('Unhandled exception. Not Supported Onnx op: Reciprocal', flush=True)\nos.abort()\n"
SERVE = READ + textwrap.dedent("""
    def write(path, content):
        open(path + '.part', 'w').write(json.dumps(content))
        os.replace(path + '.part', path)
    print('built', flush=True)
    write(job['result'], {'built': True})
    number = 1
    while not os.path.exists(job['requests'] + '/stop'):
        request = job['requests'] + f'/{number}.request.json'
        if os.path.exists(request):
            asked = json.load(open(request))
            if asked.get('die'):
                print('E simulator: assertion failed', flush=True)
                os.abort()
            write(job['requests'] + f'/{number}.answer.json', {'twice': 2 * asked['value']})
            number += 1
        time.sleep(0.01)
""")


@pytest.fixture
def driver_of(tmp_path):
    def make(program, timeout_s=60.0):
        script = tmp_path / "driver.py"
        script.write_text(program)
        return Driver(StandIn("nncase"), script, lambda text: None, timeout_s)

    return make


def test_a_job_goes_in_and_a_result_comes_out(driver_of, tmp_path):
    done = driver_of(ANSWER).do({"number": 7}, tmp_path, "compile_head")
    assert done.result == {"seen": 7} and done.run.succeeded
    assert json.loads((tmp_path / "compile_head.job.json").read_text())["number"] == 7


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (ABORT, r"nncase: compile\.py was ended by SIGABRT: .*Not Supported Onnx op: Reciprocal$"),
        (READ + "sys.exit('error: config failed with status -1')", r"ended with status 1: error: config failed"),
        (READ + "print('fine')", r"compile\.result\.json was not written"),
        (READ + "open(job['result'], 'w').write('{\"built\": tr')", r"compile\.result\.json is no JSON"),
        (READ + "open(job['result'], 'w').write('[1]')", r"holds no JSON object"),
    ],
)
def test_how_it_ended_is_one_line(driver_of, tmp_path, program, said):
    with pytest.raises(WorkerError, match=said) as raised:
        driver_of(program).do({}, tmp_path, "compile")
    assert "\n" not in str(raised.value)


def test_a_result_of_an_earlier_job_is_not_taken_for_this_one(driver_of, tmp_path):
    (tmp_path / "compile.result.json").write_text('{"seen": 1}')
    with pytest.raises(WorkerError, match="was not written"):
        driver_of(READ).do({}, tmp_path, "compile")


def test_one_that_hangs_is_stopped(driver_of, tmp_path):
    with pytest.raises(WorkerError, match=r"gave no result within 0\.5 s and was stopped"):
        driver_of(READ + "time.sleep(600)", timeout_s=0.5).do({}, tmp_path, "compile")


def test_a_process_that_stays_answers_until_it_is_closed(driver_of, tmp_path):
    served = driver_of(SERVE).start({}, tmp_path, "head")
    try:
        assert served.result() == {"built": True}
        assert "built" in served.output()
        assert [served.ask({"value": value})["twice"] for value in (3, 5)] == [6, 10]
    finally:
        served.close()
    with pytest.raises(WorkerError, match="ended with status 0"):
        served.ask({"value": 1})


def test_one_that_is_too_busy_to_hear_is_not_waited_for(driver_of, tmp_path, monkeypatch):
    monkeypatch.setattr(driven, "CLOSE_S", 0.05)
    served = driver_of(READ + "time.sleep(3)").start({}, tmp_path, "head")
    served.close()
    with pytest.raises(WorkerError, match=r"was not written|ended with status 0"):
        served.result()


def test_one_that_dies_while_it_is_asked_says_why(driver_of, tmp_path):
    served = driver_of(SERVE).start({}, tmp_path, "head")
    try:
        served.result()
        with pytest.raises(WorkerError, match=r"nncase: head\.py was ended by SIGABRT: E simulator: assertion failed"):
            served.ask({"die": True})
    finally:
        served.close()


def test_one_that_dies_before_it_is_ready_says_why(driver_of, tmp_path):
    served = driver_of(ABORT).start({}, tmp_path, "head")
    try:
        with pytest.raises(WorkerError, match=r"SIGABRT: .*Reciprocal"):
            served.result()
    finally:
        served.close()


def test_outputs_take_the_names_and_shapes_of_the_graph(tmp_path):
    np.savez(tmp_path / "out.npz", output_0=np.arange(6), output_1=np.arange(2))
    found = load_outputs(tmp_path / "out.npz", {"hidden": (1, 2, 3), "key": (2, 1)}, "nncase")
    assert found["hidden"].tolist() == [[[0, 1, 2], [3, 4, 5]]] and found["key"].shape == (2, 1)


@pytest.mark.parametrize("shapes", [{"hidden": (6,)}, {"hidden": (6,), "key": (3,)}, {"hidden": (2,), "key": (6,)}])
def test_other_outputs_than_the_graph_has_are_refused(tmp_path, shapes):
    np.savez(tmp_path / "out.npz", output_0=np.arange(6), output_1=np.arange(2))
    with pytest.raises(WorkerError, match=r"nncase: the simulator gave \[6\], \[2\] where the graph has hidden"):
        load_outputs(tmp_path / "out.npz", shapes, "nncase")


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off"])
def test_damaged_outputs_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "out.npz").write_bytes(content)
    with pytest.raises(WorkerError, match="outputs cannot be read"):
        load_outputs(tmp_path / "out.npz", {"hidden": (6,)}, "nncase")
