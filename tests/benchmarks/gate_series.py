"""The gate against real runs of this machine: ``python -m tests.benchmarks.gate_series FOLDER [--runs N]``.

Profiles a backend at its own speed (A) and 10 % slower (B), in turn, N times each, then asks of every possible choice
in time order: ten A runs as the baseline, the next three A runs (no change) and the next three B runs (a true loss) as
the commit. Prints how many checks failed, passed and stayed inconclusive. Existing runs in FOLDER are continued.
"""

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil

from backends.common.errors import InputError
from profiler.records.bundle import Bundle, is_bundle, read_bundle
from reports.gate.baseline import baseline_of
from reports.gate.check import Options, check_bundles
from reports.gate.store import Stored
from tests.benchmarks.paced_backend import NAME, install

PACES = {"a": "1", "b": "0.9"}
BASELINE_RUNS = 10
COMMIT_RUNS = 3
QUIET_PERCENT = 10
"""Use of all cores together below which a run may begin: a CI job too has its machine to itself."""

PROFILE = ("--model", "qwen3-0.6b", "--layers", "2", "--workload", "smoke", "--budget", "5", "--target", NAME)


def main() -> None:
    """Make the runs that are missing, then judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    environment = install(arguments.folder / "plugin")
    for number in range(arguments.runs):
        for kind, pace in PACES.items():
            profile(arguments.folder / f"{kind}{number:03}", {**environment, "PACE": pace})
    runs = {
        kind: [read_bundle(path) for path in sorted(arguments.folder.glob(f"{kind}[0-9][0-9][0-9]"))] for kind in PACES
    }
    aside = len(list(arguments.folder.glob("*.disturbed-*")))
    print(f"{aside} further runs were disturbed and made again")
    evaluate(runs["a"], runs["b"])


def profile(out: Path, environment: dict[str, str]) -> None:
    """One run, unless it is there, begun when the machine is quiet and made again if it was disturbed all the same.

    Disturbed ones are kept aside, as ``OUT.disturbed-N``.
    """
    disturbed = len(list(out.parent.glob(f"{out.name}.disturbed-*")))
    while not is_bundle(out):
        while psutil.cpu_percent(interval=2) > QUIET_PERCENT:
            pass
        command = [sys.executable, "-m", "reports.cli.main", "profile", *PROFILE, "--out", str(out)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        if not settles(read_bundle(out)):
            disturbed += 1
            out.rename(f"{out}.disturbed-{disturbed}")


def evaluate(same: list[Bundle], slower: list[Bundle]) -> None:
    """Slide through the series; windows overlap, so neighbouring checks are not independent."""
    fit = [run for run in same if settles(run)]
    print(f"A: {len(same)} runs, {len(fit)} of them undisturbed enough for a baseline; B: {len(slower)} runs")
    outcomes: dict[str, Counter[str]] = {"no change": Counter(), "10 % slower": Counter()}
    for start in range(len(fit) - BASELINE_RUNS):
        chosen = fit[start : start + BASELINE_RUNS]
        after = same.index(chosen[-1]) + 1
        stored = Stored(Path("baseline"), baseline_of(chosen))
        for what, series in (("no change", same), ("10 % slower", slower)):
            commit = series[after : after + COMMIT_RUNS]
            if len(commit) == COMMIT_RUNS:
                result = check_bundles(commit, stored, None, Options())
                inconclusive = any(one.verdict == "inconclusive" for one in result.deciding)
                outcomes[what]["failed" if not result.passed else "inconclusive" if inconclusive else "passed"] += 1
    for what, counts in outcomes.items():
        print(f"{what}: {dict(counts)}")


def settles(run: Bundle) -> bool:
    """Whether the run could be saved to a baseline."""
    try:
        baseline_of([run])
    except InputError:
        return False
    return True


if __name__ == "__main__":
    main()
