"""The command line answers without waiting for an engine."""

import subprocess
import sys

import pytest

ENGINES = ("torch", "transformers", "onnxruntime", "onnxruntime_genai", "pandas", "altair", "tokenizers", "rich.table")

PROBE = """
import sys
from reports.cli.main import cli
try:
    cli.main(sys.argv[1:], standalone_mode=False)
finally:
    sys.stderr.write(",".join(name for name in {engines!r} if name in sys.modules))
"""


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("devices",), ("profile", "--help")])
def test_no_engine_is_imported_before_it_is_needed(arguments, environment):
    script = PROBE.format(engines=ENGINES)
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout
    assert done.stderr == ""


def test_models_needs_no_engine_either(environment):
    script = PROBE.format(engines=ENGINES[:-1])
    done = subprocess.run(
        [sys.executable, "-c", script, "models"], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr == ""


def test_help_lists_every_command(chipassay):
    done = chipassay("--help")
    assert done.code == 0
    for command in ("devices", "models", "profile", "report"):
        assert f"  {command}" in done.out


def test_without_arguments_the_help_is_shown(chipassay):
    done = chipassay()
    assert "Commands:" in done.out + done.err


@pytest.mark.parametrize(
    ("word", "message"),
    [("profil", "did you mean 'profile'?"), ("xyzzy", "devices")],
)
def test_an_unknown_command_is_told_with_the_nearest_one(chipassay, word, message):
    done = chipassay(word)
    assert (done.code, done.out) == (2, "")
    assert f"unknown command {word!r}" in done.error and message in done.error


def test_a_closed_pipe_is_no_error(environment):
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m reports.cli.main models --json | head -1"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
