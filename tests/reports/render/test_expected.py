"""A report over recorded bundles, compared field by field with the ``report.json`` that it should give.

The bundles are written to disk and read back, as ``chipassay report`` does. After a meant change of the document, look
at the difference and run ``python -m tests.reports.render.test_expected`` to record it anew.
"""

from __future__ import annotations

import json
import math
import tempfile
from datetime import date
from pathlib import Path

from profiler.records.bundle import read_bundle
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.json_report import render_json
from tests.reports.bundles import bundle, digest_of, h200_bundle, kunpeng_bundle, modelled_bundle, write_bundle

EXPECTED = Path(__file__).with_name("expected") / "report.json"
DAY = date(2026, 11, 23)


def document(root: Path) -> dict:
    """The report over five bundles of three machines and two workloads; one bundle holds what compilers said."""
    made = {
        "h200": h200_bundle(with_cpu=True),
        "kunpeng": kunpeng_bundle(),
        "guest": bundle(unfinished=("openvino@int8",)),
        "asked": modelled_bundle(measured=False),
        "code": bundle(workload_name="code", workload_digest=digest_of("w2"), targets=bundle().targets[:1]),
    }
    read = [read_bundle(write_bundle(one, root / name)) for name, one in made.items()]
    found = json.loads(render_json(judge(compare(read, DAY, "CN"))).replace(str(root), "/runs"))
    for one in found["bundles"]:
        assert all(len(digest) == 64 for digest in one.pop("files").values())  # they follow every field of a record
    return found


def differences(found, expected, where=""):
    """Every field in which two documents differ; numbers may differ in their last digits."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(set(found) | set(expected)):
            if key not in found or key not in expected:
                yield f"{where}.{key} is {'missing' if key not in found else 'new'}"
            else:
                yield from differences(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            yield f"{where} has {len(found)} entries, not {len(expected)}"
        for at, (one, other) in enumerate(zip(found, expected, strict=False)):
            yield from differences(one, other, f"{where}[{at}]")
    elif isinstance(expected, float) and isinstance(found, float | int):
        if not math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{where} is {found!r}, not {expected!r}"
    elif found != expected:
        yield f"{where} is {found!r}, not {expected!r}"


def test_the_report_is_the_expected_one_field_by_field(tmp_path):
    found, expected = document(tmp_path), json.loads(EXPECTED.read_text())
    assert list(differences(found, expected)) == []


def test_a_difference_is_found_and_named():
    expected = json.loads(EXPECTED.read_text())
    changed = json.loads(EXPECTED.read_text())
    changed["dependence"]["phases"]["decode"]["throughput_dependence"]["range"][0] *= 1.001
    del changed["targets"][0]["origin"]
    told = list(differences(changed, expected))
    assert len(told) == 2
    assert any("throughput_dependence.range[0]" in one for one in told)


def test_the_expected_report_says_what_the_definitions_say():
    """The recorded document is checked against the definitions, so that a wrong one is not recorded for good."""
    expected = json.loads(EXPECTED.read_text())
    speed = {one["label"]: one["metrics"]["decode_throughput"]["value"] for one in expected["targets"]}
    modelled = {one["label"] for one in expected["targets"] if one["compiled"]}
    assert len(modelled) == 3 and modelled == {one["label"] for one in expected["dependence"]["modelled"]}
    loss = expected["dependence"]["phases"]["decode"]["throughput_dependence"]
    for world in loss["worlds"]:
        assert math.isclose(world["value"], 1 - speed[world["best_unrestricted"]] / speed[world["best"]], rel_tol=1e-12)
    for phase in expected["dependence"]["phases"].values():
        gap = phase["decomposition"]["gap"]
        assert math.isclose(math.fsum(term["ln"] for term in gap["terms"]), gap["ln_ratio"], rel_tol=1e-12)
        for one in phase["decomposition"]["targets"]:
            whole = one["ln_silicon"] + one["ln_precision"] + one["ln_software"]
            assert math.isclose(math.exp(whole), one["speed_tok_s"], rel_tol=1e-12)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        EXPECTED.write_text(json.dumps(document(Path(folder)), indent=1, ensure_ascii=False) + "\n")
