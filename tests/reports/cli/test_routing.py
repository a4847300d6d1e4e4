"""A mixture in FP8, profiled as a user does: its routing is recorded, replayed, and refused with another model."""

import json
from dataclasses import replace

import pytest

from profiler.records.bundle import read_bundle
from tests.backends.qwen.families import TINY
from tests.backends.qwen.quantised.test_forms import FP8
from tests.backends.qwen.quantised.writers import fp8, write_pair

pytestmark = pytest.mark.slow

SPEC = replace(TINY["qwen3_moe"], layers=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("mixture"), SPEC, fp8, FP8, mystery=1)[0]


def test_a_routing_is_recorded_and_replayed(folder, chipassay, tmp_path):
    small = ("--workload", "smoke", "--target", "torch-cpu", "--budget", 1, "--threads", 1, "--batch", 2)
    routing = tmp_path / "new" / "routing.json"
    done = chipassay("profile", "--model", folder, *small, "--out", tmp_path / "own", "--record-routing", routing)
    assert done.code == 0, done.err
    recorded = json.loads(routing.read_text())
    assert recorded["model"]["name"] == "stored" and sorted(recorded["layers"]) == ["0", "1"]
    report = tmp_path / "report"
    done = chipassay("profile", "--model", folder, *small, "--out", tmp_path / "again", "--routing", routing,
                     "--report", report)  # fmt: skip
    assert done.code == 0, done.err
    own, again = (read_bundle(tmp_path / name) for name in ("own", "again"))
    assert own.targets[0].worker.expert_use == again.targets[0].worker.expert_use
    assert own.index.model.digest != again.index.model.digest
    found = json.loads((report / "report.json").read_text())["model"]
    assert found["storage"] == {"form": "FP8, block 128", "quantised": 56, "unused": [], "unread_keys": ["mystery"]}
    assert found["routing"]["recorded_with"] == "stored"
    assert "Up to about" not in (report / "report.html").read_text(), "the routing is known"


@pytest.mark.parametrize(
    ("option", "words"),
    [("--routing", "is the routing of another model"), ("--record-routing", "qwen3-0.6b has no experts")],
)
def test_a_routing_that_does_not_fit_is_one_line(option, words, chipassay, tmp_path):
    from backends.qwen.routing import RoutedModel, RoutingFile
    from profiler.records.codec import encode

    other = RoutedModel("other", "qwen3_moe", 64, 3, 8, 2)
    (tmp_path / "routing.json").write_bytes(encode(RoutingFile(schema="chipassay.routing/1", model=other, layers={})))
    model = "qwen3-0.6b" if option == "--record-routing" else "qwen3-30b-a3b"
    done = chipassay("profile", "--model", model, "--workload", "smoke", "--out", tmp_path / "out", option,
                     tmp_path / "routing.json")  # fmt: skip
    assert done.code == 2 and words in done.error
