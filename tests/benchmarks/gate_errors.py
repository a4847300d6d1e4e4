"""Error rates of the gate by simulation: ``python -m tests.benchmarks.gate_errors [--checks N]``.

Prints, per machine and per number of runs, how many checks failed with no change, and how many with a loss of 10 %.
"""

import argparse

from tests.reports.gate.simulated import MACHINES, simulate

SIZES = ((10, 3), (10, 1), (5, 3), (20, 3), (3, 3), (1, 1))


def main() -> None:
    """A Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=2000)
    checks = parser.parse_args().checks
    print("| machine | baseline runs | commit runs | no change: fails | 10 % loss: caught | loss: inconclusive |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, noise in MACHINES.items():
        for baseline_runs, commit_runs in SIZES if name == "as seen here" else SIZES[:1]:
            sizes = {"baseline_runs": baseline_runs, "commit_runs": commit_runs}
            same = simulate(noise, checks, **sizes)
            slower = simulate(noise, checks, loss=0.1, seed=2, **sizes)
            counts = (same["failed"], slower["failed"], slower["inconclusive"])
            shares = " | ".join(f"{100 * count / checks:.2f} %" for count in counts)
            print(f"| {name} | {baseline_runs} | {commit_runs} | {shares} |", flush=True)
    print(f"\n{checks} checks each.")


if __name__ == "__main__":
    main()
