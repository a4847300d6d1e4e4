"""``chipassay chips`` as a user runs it."""

import json
import subprocess
import sys

from tests.profiler.chips.test_data import ENTRY


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "chips", *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def test_the_list_and_a_filter():
    assert "131 chips" in run().stdout
    names = {chip["id"] for chip in json.loads(run("cambricon", "--json").stdout)}
    assert len(names) == 5
    assert all(name.startswith("cambricon") for name in names)


def test_one_chip_with_facts_sources_and_confidence():
    done = run("910B3")
    for words in ("die_area_mm2", "665.6 mm2 [665.6", "BYTEFEED", "medium", "SMIC", "CSET, Pushing the Limits"):
        assert words in done.stdout
    found = json.loads(run("910B3", "--json").stdout)
    assert found["die_area_mm2"] == 665.6
    assert found["sources"]["CSET"]["retrieved"] is True


def test_an_overlay_is_listed(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(ENTRY)
    assert json.loads(run("acme-one", "--chips", str(path), "--json").stdout)["vendor"] == "Acme"


def test_what_is_unknown_is_one_line_and_exit_2(tmp_path):
    done = run("H2OO")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    path = tmp_path / "mine.yaml"
    path.write_text(ENTRY.replace("memory_gb: 32", "memory_gb: lots"))
    done = run("--chips", str(path))
    assert done.returncode == 2
    assert f"{path}:16: memory_gb" in done.stderr
