"""Bundles that cannot be read are one clear line each, and the others are still reported."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest

from profiler.records.bundle import target_file
from tests.reports.bundles import bundle, h200_bundle, kunpeng_bundle, write_bundle

pytestmark = pytest.mark.slow


def rewrite(folder, name, change):
    """Change a document of a bundle and its digest in the index, as another program might."""
    path = folder / name
    document = json.loads(path.read_text())
    change(document)
    text = json.dumps(document)
    path.write_text(text)
    if name != "bundle.json":
        index = json.loads((folder / "bundle.json").read_text())
        index["files"][name] = hashlib.sha256(text.encode()).hexdigest()
        (folder / "bundle.json").write_text(json.dumps(index))


def first_target(folder):
    return target_file(json.loads((folder / "bundle.json").read_text())["target_ids"][0])


def edit(name, change):
    return lambda folder: rewrite(folder, name, change)


def spoil_target(change):
    return lambda folder: rewrite(folder, first_target(folder), change)


def spoil_outcome(change):
    return spoil_target(lambda document: change(document["outcome"]))


def not_finite(folder):
    path = folder / first_target(folder)
    text = path.read_text().replace('"load_s": 6.4', '"load_s": NaN')
    assert "NaN" in text
    path.write_text(text)
    index = json.loads((folder / "bundle.json").read_text())
    index["files"][first_target(folder)] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(index))


def cut(folder):
    path = folder / "bundle.json"
    path.write_bytes(path.read_bytes()[:300])


SPOILED = {
    "newer": (edit("bundle.json", lambda d: d.update(schema="chipassay.bundle/3", chipassay_version="0.9.0", new=1)),
              "written by a newer chipassay (0.9.0, schema chipassay.bundle/3)"),
    "unknown": (edit("bundle.json", lambda d: d.update(schema="somebody.else/1")), "unknown schema 'somebody.else/1'"),
    "no schema": (edit("bundle.json", lambda d: d.pop("schema")), "unknown schema None"),
    "truncated": (cut, "bundle.json is not a valid BundleIndex"),
    "changed": (lambda folder: (folder / "host.json").write_text("{}"), "differs from the digest"),
    "missing": (lambda folder: (folder / first_target(folder)).unlink(), "is missing"),
    "gone": (shutil.rmtree, "does not exist"),
    "not finite": (not_finite, "is not a valid TargetRecord"),
    "infinite": (spoil_outcome(lambda d: d["metrics"]["ttft"].update(value=1e400)), "is not a valid TargetRecord"),
    "target twice": (edit("bundle.json", lambda d: d["target_ids"].append(d["target_ids"][0])), "lists target"),
    "other digest": (spoil_target(lambda d: d.update(model_digest="0" * 64)), "mixed from several runs"),
    "no time": (spoil_outcome(lambda d: d["worker"]["repetitions"][1].update(token_ns=[0] * 64)), "do not increase"),
    "backwards": (spoil_outcome(lambda d: d["worker"]["repetitions"][1]["token_ns"].reverse()), "do not increase"),
    "no tokens": (spoil_outcome(lambda d: d["worker"]["repetitions"][1].update(token_ns=[])), "do not increase"),
    "instant": (spoil_outcome(lambda d: d["worker"]["repetitions"][1].update(token_ns=[7] * 64)), "took no time"),
}  # fmt: skip


def report(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "reports.cli.main", "report", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """One run of the command over a sound bundle and every spoiled one; and what it wrote."""
    root = tmp_path_factory.mktemp("bundles")
    sound = write_bundle(h200_bundle(), root / "sound")
    other = write_bundle(kunpeng_bundle(), root / "other")
    folders = []
    for name, (spoil, _) in SPOILED.items():
        folder = write_bundle(bundle(), root / name.replace(" ", "-"))
        spoil(folder)
        folders.append(folder)
    twin = root / "twin"
    shutil.copytree(sound, twin)
    ran = report(sound, *folders, other, twin, root / "nowhere", "--out", root / "out", "--json")
    return ran, root


def test_the_readable_ones_are_reported_and_the_status_says_that_some_were_not(everything):
    ran, root = everything
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    document = json.loads((root / "out" / "report.json").read_text())
    assert [target["id"] for target in document["targets"]] == ["cuda:0@bfloat16", "torch-cpu@float32"]
    assert document["dependence"]["status"] == "computed"


@pytest.mark.parametrize("name", SPOILED)
def test_each_unreadable_bundle_is_one_clear_line(everything, name):
    ran, _ = everything
    said = [line for line in ran.stderr.splitlines() if f"/{name.replace(' ', '-')}" in line]
    assert len(said) == 1
    assert said[0].startswith("chipassay: left out: ")
    assert SPOILED[name][1] in said[0]


def test_a_copy_of_a_run_is_left_out_and_named(everything):
    ran, _ = everything
    assert sum("is the same run as" in line for line in ran.stderr.splitlines()) == 1


def test_every_format_says_what_was_left_out(everything):
    ran, root = everything
    document = json.loads((root / "out" / "report.json").read_text())
    paths = [one["path"] for one in document["unread_bundles"]]
    assert len(paths) == len(SPOILED) + 2
    assert [one["path"] for one in json.loads(ran.stdout)["unread"]] == paths
    for name in ("report.html", "report.md"):
        text = (root / "out" / name).read_text()
        assert f"{len(paths)} of the bundles named could not be read" in text
        assert "written by a newer chipassay" in text


@pytest.mark.parametrize("name", ["newer", "truncated", "not finite"])
def test_alone_an_unreadable_bundle_is_an_error_and_writes_nothing(tmp_path, name):
    folder = write_bundle(bundle(), tmp_path / "run")
    SPOILED[name][0](folder)
    ran = report(folder, "--out", tmp_path / "out")
    assert ran.returncode == 2
    assert SPOILED[name][1] in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_no_bundle_at_all_is_wrong_usage():
    ran = report()
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert "BUNDLE" in ran.stderr


def test_an_unknown_language_is_refused(tmp_path):
    ran = report(write_bundle(bundle(), tmp_path / "run"), "--lang", "fr")
    assert ran.returncode == 2 and "unknown language 'fr'" in ran.stderr
