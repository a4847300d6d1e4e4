"""A target that fails is a record with its reason; the others finish."""

import pytest

from profiler.records.bundle import read_bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(chipassay, small_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("failures") / "bundle"
    names = ("test-crash", "test-broken", "torch-cpu", "test-wrong")
    targets = [word for target in names for word in ("--target", target)]
    return chipassay(*small_run, *targets, "--out", out), read_bundle(out)


@pytest.fixture
def records(finished):
    return {target.backend: target for target in finished[1].targets}


def test_the_exit_status_says_that_something_failed_and_the_bundle_is_complete(finished):
    done, bundle = finished
    assert done.code == 1
    assert bundle.index.state == "complete"
    assert str(bundle.path) in done.out


def test_a_crashed_engine_leaves_its_signal_and_the_end_of_what_it_printed(finished, records):
    failed = records["test-crash"]
    assert (failed.status, failed.worker, failed.metrics) == ("failed", None, {})
    assert "signal 6 (SIGABRT)" in failed.failure.reason
    assert "about to abort" in failed.failure.stderr_tail
    log = finished[1].path / "logs" / "test-crash@float32.txt"
    assert "about to abort" in log.read_text()


def test_an_engine_that_raises_leaves_its_reason_and_traceback(records):
    assert records["test-broken"].failure.reason == "RuntimeError: the engine's licence ran out"
    assert "Traceback" in records["test-broken"].failure.stderr_tail


def test_an_engine_that_computes_something_else_is_not_comparable(records):
    wrong = records["test-wrong"]
    assert wrong.status == "not_comparable"
    assert not wrong.worker.parity.passed
    assert wrong.metrics["decode_throughput"].value > 0


def test_the_others_finish(records):
    assert records["torch-cpu"].status == "ok"


def test_progress_names_each_outcome(finished):
    err = finished[0].err
    assert "test-crash@float32  failed: was killed by signal 6" in err
    assert "test-wrong@float32  decode" in err and "NOT COMPARABLE" in err


def test_an_unavailable_target_beside_a_good_one_is_recorded_and_exits_with_3(chipassay, small_run, tmp_path):
    out = tmp_path / "bundle"
    done = chipassay(*small_run, "--target", "test-absent", "--target", "test-wrong", "--out", out, "--json")
    assert done.code == 3
    absent, wrong = read_bundle(out).targets
    assert (absent.status, wrong.status) == ("unavailable", "not_comparable")
    assert "the board is not plugged in; plug it in" in absent.failure.reason


def test_the_bundles_command_keeps_no_password_of_a_wall_meter(monkeypatch):
    from reports.cli import profile

    url = "http://ann:pw@plug.lan/cm?user=ann&password=pw&cmnd=Status%208"
    for words in (["--wall-meter", url], [f"--wall-meter={url}"]):
        monkeypatch.setattr("sys.argv", ["chipassay", "profile", *words, "--out", "run"])
        said = profile._command(url)
        assert "pw" not in said and "plug.lan/cm" in said and said.endswith("--out run")
    monkeypatch.setattr("sys.argv", ["chipassay", "profile", "--wall-meter", "logs/meter.csv"])
    assert profile._command("logs/meter.csv") == "chipassay profile --wall-meter logs/meter.csv"
