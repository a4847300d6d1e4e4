"""The whole check over bundles: like with like, verdicts both ways, disturbed runs, and what is refused."""

from dataclasses import replace

import pytest

from backends.common.errors import InputError
from reports.gate import policy
from reports.gate.baseline import baseline_of
from reports.gate.check import Options, check_bundles
from reports.gate.store import Stored
from tests.outcomes import altered
from tests.reports.bundles import FAILED, digest_of, host, target
from tests.reports.gate.conftest import run_bundle

BASELINE_RUNS, COMMIT_RUNS = 8, 3


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    from pathlib import Path

    from profiler.records.bundle import read_bundle

    folder = tmp_path_factory.mktemp("baseline")
    runs = [
        read_bundle(run_bundle(folder / str(at), seed=1000 + 2 * at, created=f"2026-11-{at + 1:02}T10:00:00Z"))
        for at in range(BASELINE_RUNS)
    ]
    return Stored(Path("the-baseline"), baseline_of(runs))


@pytest.fixture
def check(baseline, make_bundle):
    """Checks runs made with the given changes."""

    def go(runs=COMMIT_RUNS, options=None, against=baseline, **changes):
        return check_bundles([make_bundle(**changes) for _ in range(runs)], against, None, options or Options())

    return go


def verdicts(result, metric, gated=True):
    found = {one.target: one.verdict for one in result.findings if one.metric == metric and one.gated is gated}
    assert len(found) == 2
    return set(found.values())


def test_the_same_speed_is_unchanged_and_passes(check):
    result = check()
    assert result.passed and result.exit_code == 0
    for metric in ("ttft", "decode_throughput", "peak_memory"):
        assert verdicts(result, metric) == {"unchanged"}
    assert verdicts(result, "energy_per_output_token") == {"unavailable"}
    assert result.notes == ()


@pytest.mark.parametrize(("speed", "verdict"), [(0.85, "regressed"), (1.2, "improved")])
def test_speed_moves_throughput_and_time_in_their_own_directions(check, speed, verdict):
    result = check(speed=speed)
    assert result.passed == (verdict == "improved")
    assert verdicts(result, "decode_throughput") == verdicts(result, "ttft") == {verdict}
    assert verdicts(result, "tpot_p50", gated=False) == {verdict}
    assert verdicts(result, "peak_memory") == {"unchanged"}
    decode, ttft = (
        next(one for one in result.findings if one.metric == name) for name in ("decode_throughput", "ttft")
    )
    assert decode.ratio == pytest.approx(speed, rel=0.02)
    assert ttft.ratio == pytest.approx(1 / speed, rel=0.02)
    assert (decode.effect_size < 0) == (ttft.effect_size < 0) == (speed < 1)
    assert decode.runs == (BASELINE_RUNS, COMMIT_RUNS)


def test_more_memory_is_a_regression_of_its_own(check):
    result = check(memory=1.2)
    assert not result.passed
    assert {(one.metric, one.verdict) for one in result.failures} == {("peak_memory", "regressed")}


def test_what_is_not_gated_never_fails(check):
    result = check(speed=0.7, options=Options(gated=("peak_memory",)))
    assert result.passed
    assert verdicts(result, "decode_throughput", gated=False) == {"regressed"}


def test_a_loss_below_the_smallest_effect_does_not_fail_however_sure(check):
    options = Options(smallest_effect=0.02)
    sure = check(memory=1 / 0.97, options=options)
    assert verdicts(sure, "peak_memory") == {"regressed"}
    assert verdicts(check(memory=1 / 0.985, options=options), "peak_memory") == {"unchanged"}


def test_one_run_is_too_little_to_fail_on_and_says_what_would_do(check, baseline):
    alone = Stored(baseline.path, replace(baseline.baseline, runs=baseline.baseline.runs[:1]))
    result = check(runs=1, speed=0.92, against=alone)
    assert result.passed
    decode = next(one for one in result.findings if one.metric == "decode_throughput")
    assert decode.verdict == "inconclusive"
    assert decode.explanation == "a loss of 10 % is neither shown nor ruled out"
    assert "more runs of this commit and as many to the baseline would settle it" in decode.remedy
    assert any("single run" in note and "3 %" in note for note in result.notes)
    assert not check(runs=1, speed=0.92, against=alone, options=Options(strict=True)).passed


def test_the_tests_of_a_check_share_its_false_alarms(check):
    result = check()
    assert result.rules.tests == 6  # two targets; energy cannot be had
    confidences = {one.confidence for one in result.findings if one.gated and one.confidence}
    assert confidences == {1 - 2 * policy.FALSE_ALARMS / 6}
    assert {one.confidence for one in result.findings if not one.gated and one.confidence} == {policy.SHOWN}


def test_a_slower_machine_is_said_and_not_held_against_the_commit(baseline, make_bundle):
    from profiler.records.ceilings import CeilingSample

    def slowed(made):
        (device, ceilings), *_ = made.ceilings.items()
        samples = tuple(
            CeilingSample(one.at_ns, one.amount, round(one.duration_ns / 0.9)) for one in ceilings.read_samples
        )
        return replace(made, ceilings={device: replace(ceilings, read_samples=samples)})

    commits = [slowed(make_bundle(speed=0.9)) for _ in range(COMMIT_RUNS)]
    result = check_bundles(commits, baseline, None, Options())
    decode = next(one for one in result.findings if one.metric == "decode_throughput")
    assert decode.verdict == "inconclusive"
    assert decode.machine_ratio == pytest.approx(0.9, abs=0.01)
    assert decode.raw_ratio == pytest.approx(0.9, abs=0.02)
    assert "the machine read memory 10 % slower than during the baseline: as measured the ratio is 0." in (
        decode.explanation
    )


def test_disturbed_repetitions_do_not_count(baseline, make_bundle):
    made = make_bundle(disturbed=2)
    slow_when_disturbed = tuple(
        altered(record, worker=replace(record.worker, repetitions=tuple(
            replace(run, token_ns=tuple(at * 3 for at in run.token_ns)) if run.spoilers else run
            for run in record.worker.repetitions
        )))
        for record in made.targets
    )  # fmt: skip
    result = check_bundles([replace(made, targets=slow_when_disturbed)], baseline, None, Options())
    assert verdicts(result, "decode_throughput") <= {"unchanged", "inconclusive"}
    assert result.findings[0].repetitions[1] == 5
    assert any("2 repetitions disturbed from outside (other_load) do not count" in note for note in result.notes)


def test_a_run_that_was_disturbed_throughout_settles_nothing(check):
    result = check(speed=0.3, disturbed=5)
    assert result.passed
    assert [(one.target, one.verdict) for one in result.targets] == [
        ("torch-cpu@float32", "inconclusive"), ("onnx-cpu@float32", "inconclusive")
    ]  # fmt: skip
    assert "5 of 7 repetitions were disturbed from outside (other_load)" in result.targets[0].explanation
    assert not check(speed=0.3, disturbed=5, options=Options(strict=True)).passed


def test_what_the_program_may_have_caused_itself_is_never_left_out(check):
    result = check(speed=0.5, disturbed=7, detector="major_faults")
    assert not result.passed
    assert verdicts(result, "decode_throughput") == {"regressed"}


def test_a_disturbed_run_beside_quiet_ones_is_left_out(baseline, make_bundle):
    runs = [make_bundle(), make_bundle(), make_bundle(speed=0.3, disturbed=6)]
    result = check_bundles(runs, baseline, None, Options())
    assert result.passed and result.findings[0].runs == (BASELINE_RUNS, 2)
    assert any("1 of 3 runs left out for it" in note for note in result.notes)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (target("onnx-cpu", "float32", 0.5, 0.1, passed=False), "not comparable: top-1 agreement 0.62 is below 0.75"),
        (replace(FAILED, id="onnx-cpu@float32"), "failed: the worker was killed by signal 9"),
    ],
)
def test_a_target_that_fails_or_computes_something_else_fails_the_check(check, record, words):
    good = target("torch-cpu", "float32", 0.5, 0.1, seed=5)
    result = check(runs=1, targets=(good, record))
    assert not result.passed
    assert [(one.target, one.verdict) for one in result.failures] == [("onnx-cpu@float32", "failed")]
    assert words in result.failures[0].explanation
    assert {one.target for one in result.findings} == {"torch-cpu@float32"}


def test_another_machine_is_refused_unless_allowed(check):
    other = host("Kunpeng 920")
    with pytest.raises(
        InputError, match=r"the machine differs \(AMD EPYC 7B13 against Kunpeng 920.*--allow-different-m"
    ):
        check(on=other)
    result = check(on=other, options=Options(different_machine=True))
    assert any("the machine differs" in note for note in result.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"model_digest": digest_of("other"), "model_name": "qwen3-8b"},
            "the model differs (qwen3-0.6b against qwen3-8b",
        ),
        (
            {"workload_digest": digest_of("other"), "workload_name": "code"},
            "the workload differs (chat 128+64x1 against co",
        ),
    ],
)
def test_another_model_or_workload_is_refused_whatever_is_allowed(check, changes, words):
    with pytest.raises(InputError) as error:
        check(options=Options(different_machine=True, different_targets=True), **changes)
    assert words in str(error.value)


def test_other_targets_are_refused_unless_allowed(check):
    only = (target("torch-cpu", "float32", 0.5, 0.1, seed=7), target("torch-cpu", "bfloat16", 0.5, 0.1, seed=8))
    with pytest.raises(InputError, match="torch-cpu@bfloat16 only in this run; onnx-cpu@float32 only in the baseline"):
        check(runs=1, targets=only)
    result = check(runs=1, targets=only, options=Options(different_targets=True))
    assert {one.target for one in result.findings} == {"torch-cpu@float32"}
    assert any(note.startswith("Not compared: torch-cpu@bfloat16 only in this run") for note in result.notes)


def test_other_threads_or_another_engine_are_told_and_compared(check):
    records = tuple(
        altered(replace(one, threads=1), worker=replace(one.worker, engine=replace(one.worker.engine, version="9")))
        for one in (target(name, "float32", 0.5, 0.1, seed=9) for name in ("torch-cpu", "onnx-cpu"))
    )
    notes = " ".join(check(runs=1, targets=records).notes)
    assert "torch-cpu@float32: 2 threads in the baseline, 1 in this run." in notes
    assert "torch-cpu@float32: PyTorch 2.13.0 in the baseline, PyTorch 9 in this run." in notes


def test_an_interrupted_run_is_refused(check):
    with pytest.raises(InputError, match="was interrupted before onnx-cpu@int8 finished"):
        check(runs=1, unfinished=("onnx-cpu@int8",))


def test_runs_of_different_things_or_the_same_run_twice_are_refused(baseline, make_bundle):
    with pytest.raises(InputError, match="are not runs of the same thing: the machine differs"):
        check_bundles([make_bundle(), make_bundle(on=host("Kunpeng 920"))], baseline, None, Options())
    once = make_bundle()
    with pytest.raises(InputError, match="is the same run as"):
        check_bundles([once, once], baseline, None, Options())


def test_a_run_of_the_baseline_is_no_test_of_it(make_bundle):
    from pathlib import Path

    run = make_bundle()
    with pytest.raises(InputError, match="holds this very run"):
        check_bundles([run], Stored(Path("b"), baseline_of([run])), None, Options())


def test_figures_edited_in_the_record_change_nothing(baseline, make_bundle):
    made = make_bundle(speed=0.7)
    flattered = tuple(
        altered(
            one, metrics={name: replace(q, value=1e6, ci95=None) if q.value else q for name, q in one.metrics.items()}
        )
        for one in made.targets
    )
    honest, edited = (
        check_bundles([run], baseline, None, Options()) for run in (made, replace(made, targets=flattered))
    )
    assert [one.ratio for one in edited.findings] == [one.ratio for one in honest.findings]


def test_runs_of_one_sitting_are_told(make_bundle):
    from pathlib import Path

    stored = Stored(Path("b"), baseline_of([make_bundle(), make_bundle()]))
    result = check_bundles([make_bundle()], stored, None, Options())
    assert any(note.startswith("All 2 baseline runs were made within an hour") for note in result.notes)


def test_a_spoiler_mark_needs_to_be_external(make_bundle):
    from profiler.disturbance.verdict import EXTERNAL
    from reports.gate.series import series_of

    assert {"cpu_steal", "other_load", "device_shared", "device_busy_before"} == EXTERNAL
    found = series_of(make_bundle(disturbed=4, detector="cpu_steal")).targets["torch-cpu@float32"]
    assert (found.disturbed, found.detectors, found.settles) == (4, {"cpu_steal": 4}, True)
    assert not series_of(make_bundle(disturbed=5, detector="cpu_steal")).targets["torch-cpu@float32"].settles
