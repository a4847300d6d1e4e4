"""`chipassay profile` with a picture, and with a thought and turns: what is asked for is in every format."""

from __future__ import annotations

import csv
import html
import json

import jsonschema
import pytest

from backends.qwen.config import config_dict
from backends.qwen.images import make_image
from backends.qwen.synthetic import synthetic_model
from backends.qwen.torch_model import build_qwen
from profiler.records.bundle import read_bundle
from profiler.records.codec import json_schema
from reports.document.language import words
from reports.render.json_report import report_schema
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow

LIMITS = ("--threads", 1, "--budget", 0.5)


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    """A checkpoint with a vision tower, as transformers saves it."""
    folder = tmp_path_factory.mktemp("seeing") / "tiny"
    network = build_qwen(synthetic_model(TINY["qwen3_vl"]), "float32", lambda text: None, images=True)
    network.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config_dict(TINY["qwen3_vl"])))
    (folder / "preprocessor_config.json").write_text('{"size": {"shortest_edge": 256, "longest_edge": 65536}}')
    return folder


def run(chipassay, folder, *words_):
    done = chipassay(*words_, *LIMITS, "--out", folder / "bundle", "--report", folder / "report")
    assert done.code == 0, done.err
    return done, read_bundle(folder / "bundle"), folder / "report"


@pytest.fixture(scope="module")
def shown(chipassay, seeing, tmp_path_factory):
    return run(chipassay, tmp_path_factory.mktemp("shown"), "profile", "--model", seeing, "--workload", "vision",
               "--image", "96x64", "--output-tokens", 4, "--batch", 2, "--target", "torch-cpu")  # fmt: skip


@pytest.fixture(scope="module")
def talked(chipassay, tiny_checkpoint, tmp_path_factory):
    return run(chipassay, tmp_path_factory.mktemp("talked"), "profile", "--model", tiny_checkpoint, "--workload",
               "agent", "--prompt-tokens", 40, "--output-tokens", 4, "--thinking-tokens", 2, "--turns", 3,
               "--prefix-cache", "on", "--target", "torch-cpu", "--target", "onnx-cpu")  # fmt: skip


def test_the_picture_of_a_checkpoint_is_in_its_record_with_its_digest(shown, seeing):
    _, bundle, _ = shown
    image = bundle.index.workload.image
    model = bundle.index.model
    assert image == make_image(model, 64, 96, 2, 2)
    assert (image.width, image.height, image.tokens) == (96, 64, 24)
    assert bundle.index.model_facts["image_flops"] == model.spec.image_flops(64, 96)
    (target,) = bundle.targets
    for run_ in target.worker.counted:
        assert 0 < run_.image_ns < run_.token_ns[0]
    assert target.parity.passed and target.parity.max_abs_logit_error < 1e-3
    for name in ("image_encode", "image_share", "image_tokens", "image_mfu"):
        assert target.metrics[name].value > 0, name
    jsonschema.validate(json.loads((bundle.path / "bundle.json").read_text()), json_schema("bundle-2"))


@pytest.mark.parametrize("name", ["image_encode", "image_share", "image_tokens", "image_mfu"])
def test_every_file_holds_what_the_picture_costs(shown, name):
    _, bundle, report = shown
    document = json.loads((report / "report.json").read_text())
    jsonschema.validate(document, report_schema())
    assert document["workload"]["image"]["sha256"] == bundle.index.workload.image.sha256
    figure = document["targets"][0]["metrics"][name]
    assert figure["value"] > 0 and figure["grade"] in ("measured", "derived") and figure["unit"]
    rows = {row["metric"]: row for row in csv.DictReader((report / "report.csv").open())}
    assert float(rows[name]["value"]) == pytest.approx(figure["value"])


@pytest.mark.parametrize("key", ["inputs.picture.title", "inputs.picture.preparing"])
def test_terminal_page_and_markdown_say_what_the_picture_costs(shown, key):
    done, _, report = shown
    text = words("en")(key)
    assert text in " ".join(done.out.split())
    assert text in html.unescape((report / "report.html").read_text()) and text in (report / "report.md").read_text()


def test_a_tower_that_a_checkpoint_lacks_is_named(chipassay, seeing, tmp_path, write_checkpoint):
    folder = write_checkpoint(tmp_path / "blind", synthetic_model(TINY["qwen3_vl"]))
    done = chipassay("profile", "--model", folder, "--workload", "vision", "--target", "torch-cpu", *LIMITS,
                     "--out", tmp_path / "bundle")  # fmt: skip
    assert done.code == 2 and "lacks model.visual.patch_embed.proj.weight" in done.err


def test_turns_and_the_answer_are_measured_and_shown(talked):
    done, bundle, report = talked
    work = bundle.index.workload
    assert (work.thinking_tokens, work.conversation.prefix_cache, len(work.conversation.later_ids)) == (2, True, 2)
    tokens = set()
    for target in bundle.targets:
        metrics = target.metrics
        for one in target.worker.counted:
            assert len(one.turns) == 2 and len(one.turns[1].token_ns) == 4
        tokens.add(tuple(turn.token_ids for turn in target.worker.counted[0].turns))
        assert metrics["time_to_answer"].value > metrics["ttft"].value
        assert metrics["conversation_time"].value > metrics["ttft"].value + 2 * metrics["turn_ttft"].value
    assert len(tokens) == 1, "both engines keep the cache right"
    document = json.loads((report / "report.json").read_text())
    jsonschema.validate(document, report_schema())
    assert (document["workload"]["turns"], document["workload"]["prefix_cache"]) == (3, True)
    for key in ("inputs.turns.title", "inputs.answer.title"):
        assert words("en")(key) in done.out
        assert words("en")(key) in (report / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workload", "vision"), "takes no pictures: qwen3 has no vision tower"),
        (("--workload", "chat", "--image", "big"), "an image size is WIDTHxHEIGHT"),
        (("--workload", "chat", "--turns", "3"), "chat has one turn"),
        (("--workload", "chat", "--output-tokens", "4", "--thinking-tokens", "9"), "leave no answer"),
        (
            ("--workload", "agent", "--prefix-cache", "on", "--batch", "2", "--target", "onnx-cpu"),
            "for one sequence only",
        ),
    ],
)
def test_what_cannot_run_is_one_line_before_anything_is_loaded(chipassay, tmp_path, arguments, said):
    done = chipassay("profile", "--model", "qwen3-0.6b", *arguments, "--out", tmp_path / "bundle")
    assert said in done.error
    assert not (tmp_path / "bundle").exists()
