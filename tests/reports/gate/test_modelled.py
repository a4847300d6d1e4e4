"""Targets that only a vendor's tools answered for: the gate leaves them out, and says so."""

import pytest

from backends.common.errors import InputError
from profiler.records.bundle import read_bundle
from reports.gate.baseline import baseline_of
from reports.gate.budgets import read_budgets
from reports.gate.check import Options, check_bundles
from reports.gate.series import measured_ids
from reports.gate.store import Stored
from tests.reports.bundles import modelled_target, target
from tests.reports.gate.conftest import document

NOTE = "Not judged: tpu-mlir:bm1684x@float16: answered by vendors' tools alone, and the gate judges what was measured."


@pytest.fixture
def make(make_run):
    def go(*, seed=1, modelled=True, measured=True):
        targets = (target("torch-cpu", "float32", 0.5, 0.1, seed=seed),) * measured
        return make_run(targets=(*targets, *((modelled_target(),) * modelled)))

    return go


def test_a_baseline_holds_the_measured_targets_alone(make):
    kept = baseline_of([read_bundle(make()), read_bundle(make(seed=2))])
    assert kept.target_ids == ("torch-cpu@float32",)


def test_runs_with_and_without_modelled_targets_compare(make, tmp_path):
    without = Stored(tmp_path / "b", baseline_of([read_bundle(make(seed=at, modelled=False)) for at in range(3)]))
    result = check_bundles([read_bundle(make(seed=9))], without, None, Options())
    assert result.passed and result.targets == ()
    assert {one.target for one in result.findings} == {"torch-cpu@float32"}
    assert result.notes[0] == NOTE


def test_a_run_of_compilers_alone_is_refused(make):
    alone = read_bundle(make(measured=False))
    for judge in (lambda: baseline_of([alone]), lambda: check_bundles([alone], None, None, Options())):
        with pytest.raises(
            InputError, match=r"nothing was measured, only vendors' compilers .*tpu-mlir:bm1684x@float16"
        ):
            judge()


def test_saving_and_checking_say_what_is_left_out(make, cli, tmp_path):
    baselines, report = tmp_path / "baselines", tmp_path / "check.md"
    saved = cli("baseline", "save", make(), "--dir", baselines)
    assert (saved.exit_code, saved.stderr.strip()) == (0, NOTE)
    done = cli("check", make(seed=3), "--baseline", baselines, "--markdown", report, "--json")
    assert done.exit_code == 0, done.output
    assert document(done)["notes"][0] == NOTE
    assert "answered by vendors' tools alone, and the gate judges what was measured" in report.read_text()


def test_a_budget_for_a_modelled_target_is_refused(make, cli, tmp_path):
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[budgets."tpu-mlir:bm1684x@float16"]\ndecode_throughput = ">= 1 tok/s"\n')
    with pytest.raises(InputError, match="unknown target 'tpu-mlir:bm1684x@float16'"):
        read_budgets(budgets, measured_ids(read_bundle(make())))
    assert cli("check", make(), "--budgets", budgets).exit_code != 0
