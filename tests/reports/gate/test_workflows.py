"""The workflow files in ``docs/ci``: they parse, and the commands in them run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from profiler.records.bundle import read_bundle
from tests.reports.gate.conftest import run_bundle

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[3] / "docs" / "ci"
GITHUB = yaml.safe_load((DOCS / "github-actions.yml").read_text())
GITLAB = yaml.safe_load((DOCS / "gitlab-ci.yml").read_text())
STEPS = {step["name"]: step["run"] for step in GITHUB["jobs"]["gate"]["steps"] if "run" in step}


@pytest.fixture
def shell(tmp_path, cache_folder, tiny_checkpoint):
    """Runs a script in an empty checkout as a CI would; ``pip`` does nothing, and the model is a tiny one."""
    here = tmp_path / "checkout"
    here.mkdir()
    tiny = f"--model {tiny_checkpoint} --workload smoke --prompt-tokens 8 --output-tokens 4 --threads 1 --budget 0.2"
    environment = {
        **os.environ,
        "CHIPASSAY_CACHE": str(cache_folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PROFILE": f"{tiny} --target torch-cpu",
        "GITHUB_SHA": "0123abc",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def run(script):
        # As GitHub runs a step; GitLab's shell stops at the first error too.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f"pip() {{ :; }}\n{script}"]
        return subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    run.here = here
    return run


def put_runs(here, speed=1.0, seed=100):
    """Three runs where the workflow puts its own."""
    for number in (1, 2, 3):
        folder = here / "build" / f"run-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        run_bundle(folder, speed=speed, seed=seed + 2 * number)


def test_the_measuring_loop_runs_and_is_the_same_in_both_files(shell):
    (gitlab,) = [line for line in GITLAB[".chipassay"]["before_script"] if "profile" in line]
    assert " ".join(STEPS["Measure"].replace("do\n", "do ").replace("--overwrite\n", "--overwrite; ").split()) == gitlab
    assert gitlab.startswith("for n in 1 2 3; do ")
    done = shell(gitlab.replace("for n in 1 2 3;", "for n in 1;"))  # once is enough to see that it runs
    assert done.returncode == 0, done.stderr
    assert read_bundle(shell.here / "build" / "run-1").index.state == "complete"


def test_github_a_push_makes_the_baseline_and_a_pull_request_is_checked_against_it(shell, tmp_path):
    git = ("git", "-c", "init.defaultBranch=main")
    subprocess.run([*git, "init", "--bare", "-q", str(tmp_path / "origin")], check=True)
    subprocess.run(
        [*git, "clone", "-q", str(tmp_path / "origin"), "."], cwd=shell.here, check=True, capture_output=True
    )
    subprocess.run([*git, "switch", "-qc", "main"], cwd=shell.here, check=False, capture_output=True)
    subprocess.run(["git", "config", "push.autoSetupRemote", "true"], cwd=shell.here, check=True)
    put_runs(shell.here)
    assert shell(STEPS["Check"]).returncode == 2, "no baseline yet"
    added = shell(STEPS["Add to the baseline"])
    assert added.returncode == 0 and added.stdout.count("json: ") == 3, added.stderr
    committed = shell(STEPS["Commit the baseline"])
    assert committed.returncode == 0, committed.stderr
    log = subprocess.run(
        ["git", "log", "--format=%s", "main"], cwd=tmp_path / "origin", capture_output=True, text=True, check=True
    )
    assert log.stdout == "Baseline of 0123abc [skip ci]\n"
    assert shell(STEPS["Commit the baseline"]).returncode == 0, "nothing new is nothing to commit"
    put_runs(shell.here, seed=200)
    assert shell(STEPS["Check"]).returncode == 0
    put_runs(shell.here, speed=0.6, seed=300)
    failed = shell(STEPS["Check"])
    assert failed.returncode == 1, failed.stdout
    root = ElementTree.parse(shell.here / "build" / "chipassay.xml").getroot()
    assert int(root.get("failures")) > 0
    assert "### ❌" in (tmp_path / "summary").read_text()


def test_gitlab_the_baseline_job_and_the_check_job_run(shell):
    put_runs(shell.here)
    saved = shell("\n".join(GITLAB["chipassay-baseline"]["script"]))
    assert saved.returncode == 0 and saved.stdout.count("json: ") == 3, saved.stderr
    put_runs(shell.here, seed=200)
    checked = shell("\n".join(GITLAB["chipassay-check"]["script"]))
    assert checked.returncode == 0, checked.stderr
    artifacts = GITLAB["chipassay-check"]["artifacts"]
    for path in (*artifacts["paths"], artifacts["reports"]["junit"]):
        assert (shell.here / path).is_file()


def test_the_files_have_what_their_systems_ask_for():
    assert set(GITHUB) == {"name", True, "env", "jobs"}, "YAML 1.1 reads `on` as true"
    assert all(("uses" in step) != ("run" in step) for step in GITHUB["jobs"]["gate"]["steps"])
    for name, job in GITLAB.items():
        if name not in ("variables", ".chipassay"):
            assert job["extends"] == ".chipassay" and job["script"] and job["rules"]


def test_the_budget_file_of_the_documentation_is_one(tmp_path):
    import re

    from reports.gate.budgets import read_budgets

    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS.parent / "ci.md").read_text(), re.S)
    (tmp_path / "b.toml").write_text(block)
    budgets = read_budgets(tmp_path / "b.toml", ["onnx-cpu@int4"])
    assert len(budgets.every.limits) == 6 and budgets.every.unavailable == "skip"
    assert budgets.of("onnx-cpu@int4").limits["parity.top1"].value == 0.75


def test_the_documentation_names_commands_and_options_that_exist():
    """Every `chipassay` line in a code block of docs/ci.md is parsed by the command it names."""
    import re

    from reports.cli.main import COMMANDS, cli

    text = (DOCS.parent / "ci.md").read_text()
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.replace("\\\n", " ").splitlines()
    ]
    named = [line.split("#")[0].split() for line in lines if line.strip().startswith("chipassay ")]
    assert len(named) >= 4
    for _, command, *words in named:
        assert command in COMMANDS
        found = cli.get_command(None, command)
        if words and hasattr(found, "commands"):
            found = found.commands[words[0]]
        options = {name for parameter in found.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
