"""``chipassay classify`` as a user runs it."""

import json
import subprocess
import sys

import pytest


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "classify", *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def answer(*arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_json_has_the_agreed_keys():
    found = answer("H20", "--as-of", "2025-05-01", "--destination", "CN")
    agreed = {
        "chip", "as_of", "destination", "tpp", "performance_density", "eccn", "licence_exceptions", "letters",
        "review_policy", "gp10", "entity_list", "trace", "tariffs", "china_measures", "horizon", "not_legal_advice",
    }  # fmt: skip
    assert agreed <= set(found)
    assert found["tpp"] == 2368
    assert found["performance_density"] == pytest.approx(2.909, abs=1e-3)
    assert found["eccn"]["label"] == "not_3A090"
    assert found["eccn"]["rule"] == "US-2023-10"
    assert "88 FR 73458" in found["eccn"]["citation"]
    line = next(t for t in found["trace"] if t["layer"] == "eccn" and t["metric"] == "tpp" and t["line"] == 2400)
    assert (line["saw"], line["verdict"], line["margin"]) == (2368, "false", -32)
    assert line["text"] == "TPP 2368, 32 below 2400"
    assert "letter_licence_required" in {letter["label"] for letter in found["letters"]}


def test_numbers_instead_of_a_chip():
    found = answer(
        "--tops", "fp16=148", "--tops", "fp8=296", "--die-area", "814", "--datacenter", "--dram-bandwidth", "4000",
        "--io-bandwidth", "900", "--as-of", "2025-05-01",
    )  # fmt: skip
    assert (found["tpp"], found["eccn"]["label"]) == (2368, "not_3A090")
    assert found["eccn"]["possible_labels"] == ["not_3A090"]


def test_the_explanation_shows_numbers_margins_and_limits():
    done = run("H20", "--as-of", "2026-12-24")
    assert "TPP 2368, 32 below 2400" in done.stdout
    assert "88 FR 73458" in done.stdout
    assert "not legal advice" in done.stdout.replace("\n", " ")
    assert "The date lies beyond the evidence." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_timeline_for_people_and_programs():
    periods = answer("nvidia-a800-sxm-80gb", "--timeline")
    assert next(p["from"] for p in periods if p["eccn"]["label"] == "3A090.a") == "2023-11-17"
    done = run("nvidia-a800-sxm-80gb", "--timeline")
    assert "2023-11-17" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name a chip"),
        (("H2O",), "unknown chip 'H2O'"),
        (("nvidia h2000",), "unknown chip"),
        (("Ascend910",), "huawei-ascend-910a, huawei-ascend-910c"),
        (("H20", "--destination", "Chnia"), "did you mean China"),
        (("H20", "--as-of", "2025-02-30"), "is no date"),
        (("H20", "--as-of", "20250201"), "is no date"),
        (("H20", "--as-of", "2022-09-30"), "before 2022-10-01"),
        (("H20", "--tops", "fp16=1"), "not both"),
        (("H20", "--no-datacenter"), "not both"),
        (("--tops", "fp16=1", "--tpp", "1"), "--tops or --tpp"),
        (("--tops", "fp16=1", "--tops", "FP16=2"), "fp16 twice"),
        (("--tops", "fp16=-1"), "must not be negative"),
        (("--tops", "fp16=many"), "must be a number"),
        (("--tops", "fp16=nan"), "must be a number"),
        (("--tops", "fp16=inf"), "must be a number"),
        (("--tops", "fp16"), "PRECISION=VALUE"),
        (("--tops", "fp17=1"), "unknown precision 'fp17'"),
        (("--tops", "fp8_sparse=1"), "dense"),
        (("--die-area", "0"), "more than 0"),
        (("--die-area", "-3"), "must not be negative"),
        (("--dram-bandwidth", "fast"), "must be a number"),
        (("H20", "--timeline", "--as-of", "2025-01-01"), "leave out --as-of"),
        (("--chips", "x.yaml", "--tpp", "1"), "no chip is named"),
        (("H20", "--chips", "/nonexistent.yaml"), "/nonexistent.yaml: no such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
