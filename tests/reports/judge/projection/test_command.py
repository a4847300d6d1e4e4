"""``chipassay project`` as a user runs it."""

import json
import os
import subprocess
import sys

import pytest

from reports.judge.projection.data import text_of
from tests.reports.bundles import bundle, write_bundle

pytestmark = pytest.mark.slow


def chipassay(*arguments, columns="100"):
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "project", *map(str, arguments)], capture_output=True, text=True,
        env={**os.environ, "COLUMNS": columns, "OPENBLAS_NUM_THREADS": "1"}, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_table_with_intervals_notes_and_the_track_record():
    done = chipassay("--model", "qwen3-32b", "--chip", "huawei-ascend-910b3", "--chip", "rockchip-rk3576")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Modelled, not measured" in done.stdout
    assert "huawei-ascend-910b3" in done.stdout
    assert "no memory bandwidth of Rockchip RK3576" in done.stdout
    assert "one model left out" in done.stdout


@pytest.mark.parametrize("columns", ["80", "100"])
def test_nothing_is_cut_in_a_narrow_terminal(columns):
    done = chipassay("--model", "qwen3-32b", "--chip", "nvidia-rtx-pro-6000", "--batch", "128", columns=columns)
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= int(columns)


def test_json_of_a_bundle_with_its_explanation(tmp_path):
    folder = write_bundle(bundle(), tmp_path / "run")
    done = chipassay(folder, "--chip", "nvidia-h20-96gb", "--explain", "--json")
    found = json.loads(done.stdout)
    assert found["model"] == "qwen3-0.6b"
    assert found["evidence"]["own_figures"] == 6
    assert found["chips"][0]["figures"]["ttft"]["grade"] == "modelled"
    assert {p["name"] for p in found["explanations"][0]["parameters"]} > {"weights", "launch"}


def test_explain_shows_levels_and_rows():
    done = chipassay("--model", "qwen3-8b", "--chip", "nvidia-a100-sxm-80gb", "--explain")
    assert "host_launch" in done.stdout
    assert "qwen_speed.csv:" in done.stdout
    assert "--json lists all" in done.stdout


def test_backtest_on_a_file_of_either_format(tmp_path):
    lines = text_of("published_results.csv").splitlines()
    header, chitu = lines[0], [line for line in lines if "Chitu" in line and "Hygon" in line]
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join([header, *(line.replace("Qwen3-32B", "Qwen3-14B") for line in chitu)]) + "\n")
    done = chipassay("--backtest", "--published", path, "--json")
    found = json.loads(done.stdout)
    assert found["rows"] == {"rows": 7, "used": 7, "converted": 0, "excluded": 0}
    assert found["shared_figures"] == 0
    assert [g["group"] for g in found["groups"] if g["chip_family"] == "all"] == ["decode_16_bit", "serving"]
    assert sum(g["n"] for g in found["groups"] if g["chip_family"] == "hygon-dcu-k100") == 7


def test_backtest_table_counts_every_exclusion(tmp_path):
    lines = text_of("published_results.csv").splitlines()
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(lines[:60]) + "\n")
    done = chipassay("--backtest", "--published", path)
    assert "59 rows" in done.stdout
    assert "excluded: speculative decoding is on" in done.stdout
    assert "other results" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chip", "nvidia-h20"], "give a bundle, or --model"),
        (["--model", "qwen3-8b"], "at least one chip"),
        (["--model", "qwen3-8b", "--chip", "nvidia-h2x"], "unknown chip 'nvidia-h2x'"),
        (["--backtest", "--chip", "nvidia-h20-96gb"], "leave out --chip"),
        (["--published", "x.csv"], "add --backtest"),
        (["--backtest", "--published", "nowhere.csv"], "no such file"),
        (["nowhere", "--chip", "nvidia-h20-96gb"], "nowhere does not exist"),
        (["--model", "qwen3-8b", "--chip", "nvidia-h20-96gb", "--batch", "0"], "0 is not in the range"),
        (["--model", "qwen3-8b", "--chip", "nvidia-h20-96gb", "--chips", "nowhere.yaml"], "no such file"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    done = chipassay(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_without_a_usable_row_says_why(tmp_path):
    path = tmp_path / "theirs.csv"
    lines = text_of("published_results.csv").splitlines()
    path.write_text("\n".join([lines[0], next(line for line in lines if "very low" in line)]) + "\n")
    done = chipassay("--backtest", "--published", path)
    assert done.returncode == 2
    assert "no row can be used: 1 x confidence very low" in done.stderr
