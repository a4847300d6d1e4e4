"""Baselines: what may enter one, where it is kept, and which one a run is compared with."""

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import msgspec
import pytest

from backends.common.errors import InputError, StorageError
from profiler.records.codec import decode, encode
from reports.gate.baseline import BASELINE_SCHEMA, Baseline, baseline_of, extended
from reports.gate.check import Options, check_bundles
from reports.gate.result import CheckResult
from reports.gate.series import identity_of
from reports.gate.store import Stored, baseline_text, find_baseline, place_of, read_baseline, write_baseline
from tests.reports.bundles import bundle as full_bundle
from tests.reports.bundles import digest_of, host, target, write_bundle
from tests.reports.gate.conftest import document

DOCUMENTS = {"baseline": Baseline, "check": CheckResult}


def json_schema(name):
    """The JSON Schema (2020-12) of one document of the gate."""
    made = msgspec.json.schema(DOCUMENTS[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"chipassay {name} 1", **made}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_the_documents_own(name):
    published = json.loads(files("reports.gate").joinpath(f"schemas/{name}-1.json").read_text())
    assert published == json.loads(encode(json_schema(name))), (
        f"write codec.encode(json_schema({name!r})) to reports/gate/schemas/{name}-1.json"
    )
    jsonschema.Draft202012Validator.check_schema(published)


def test_what_is_written_validates_and_comes_back_the_same(make_bundle, tmp_path):
    made = baseline_of([make_bundle(), make_bundle()])
    path = write_baseline(tmp_path / "deep" / "baselines", made)
    jsonschema.Draft202012Validator(json_schema("baseline")).validate(json.loads(path.read_text()))
    assert read_baseline(path) == made
    result = check_bundles([make_bundle()], Stored(path, made), None, Options())
    document = json.loads(encode(result))
    jsonschema.Draft202012Validator(json_schema("check")).validate(document)
    assert decode(encode(result), CheckResult, "x") == result


def test_a_baseline_is_small_holds_no_logits_and_changes_line_by_line(make_bundle):
    one = make_bundle()
    text = baseline_text(baseline_of([one]))
    assert len(text) < 12_000
    assert "logits" not in text and "token_ids" not in text
    assert any(line.strip().startswith('"samples": [0.') and line.count(",") == 6 for line in text.splitlines())
    two = baseline_text(extended(decode(text.encode(), Baseline, "x"), [make_bundle(created="2026-11-24T21:40:07Z")]))
    head = text[: text.rindex("  }\n ]")]
    assert two.startswith(head), "a further run must leave the lines of the others alone"


def test_runs_are_kept_in_the_order_they_were_made(make_bundle):
    days = ("2026-11-03", "2026-11-01", "2026-11-02")
    found = baseline_of([make_bundle(created=f"{day}T00:00:00Z") for day in days])
    assert [run.created[:10] for run in found.runs] == sorted(days)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"disturbed": 5}, "was disturbed in 5 of 7 repetitions (other_load); end other load on the machine"),
        ({"unfinished": ("onnx-cpu@int8",)}, "was interrupted before onnx-cpu@int8 finished; profile again"),
        (
            {"targets": (target("torch-cpu", "float32", 1, 0.1, passed=False),)},
            "torch-cpu@float32 is not_comparable (top-1 agreement 0.62 is below 0.75",
        ),
    ],
)
def test_a_run_that_cannot_stand_for_how_it_was_is_refused(make_bundle, changes, words):
    with pytest.raises(InputError) as error:
        baseline_of([make_bundle(**changes)])
    assert words in str(error.value)


def test_what_does_not_belong_is_refused(make_bundle):
    first = make_bundle()
    made = baseline_of([first])
    with pytest.raises(InputError, match="is in the baseline already"):
        extended(made, [first])
    with pytest.raises(InputError, match=r"does not belong to this baseline: the machine differs"):
        extended(made, [make_bundle(on=host("Kunpeng 920"))])
    with pytest.raises(
        InputError, match=r"has other targets \(torch-cpu@float32\) than the baseline \(torch-cpu@float32, o"
    ):
        extended(made, [make_bundle(targets=(target("torch-cpu", "float32", 1, 0.1, seed=3),))])


def test_each_machine_model_and_workload_has_a_file_of_its_own(make_bundle, tmp_path):
    kinds = [
        {}, {"on": host("Kunpeng 920")}, {"model_digest": digest_of("m2")}, {"workload_digest": digest_of("w2")},
        {"model_name": "../../etc/passwd", "model_digest": digest_of("m3")},
    ]  # fmt: skip
    paths = {write_baseline(tmp_path / "b", baseline_of([make_bundle(**kind)])) for kind in kinds}
    assert len(paths) == len(kinds)
    assert all(path.parent.parent == tmp_path / "b" for path in paths)
    assert all(path.name.replace("-", "").replace(".", "").replace("_", "").isalnum() for path in paths)


def test_a_baseline_is_a_bundle_a_file_or_a_folder(make_run, tmp_path):
    from profiler.records.bundle import read_bundle

    run = make_run()
    made = read_bundle(run)
    path = write_baseline(tmp_path / "b", baseline_of([made]))
    wanted = identity_of(made)
    for given in (run, path, tmp_path / "b"):
        assert find_baseline(given, wanted, any_machine=False).baseline == baseline_of([made])


def test_a_folder_without_a_match_says_what_it_holds(make_bundle, tmp_path):
    folder = tmp_path / "b"
    here, there = make_bundle(), make_bundle(on=host("Kunpeng 920"))
    folder.mkdir()
    with pytest.raises(
        InputError, match=r"has no baseline for qwen3-0.6b, chat, on this machine .* it holds none; save"
    ):
        find_baseline(folder, identity_of(here), any_machine=False)
    write_baseline(folder, baseline_of([there]))
    with pytest.raises(
        InputError, match=r"only on Kunpeng 920 \(.*\); compare with one of them by --allow-different-mach"
    ):
        find_baseline(folder, identity_of(here), any_machine=False)
    found = find_baseline(folder, identity_of(here), any_machine=True)
    assert found.path == place_of(folder, identity_of(there))
    other = replace(identity_of(here), model_digest=digest_of("unknown"))
    with pytest.raises(InputError, match="it holds 1 for other models or workloads"):
        find_baseline(folder, other, any_machine=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not a valid dict"),
        ('{"schema": "chipassay.baseline/9"}', "has schema 'chipassay.baseline/9'; this version reads"),
        ("{}", "has schema None"),
        (f'{{"schema": "{BASELINE_SCHEMA}"}}', "is not a valid Baseline: Object missing required field `identity`"),
    ],
)
def test_what_is_no_baseline_is_told(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_baseline(path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_an_empty_baseline_is_told(make_bundle, tmp_path):
    path = write_baseline(tmp_path, replace(baseline_of([make_bundle()]), runs=()))
    with pytest.raises(InputError, match="holds no run; save one with"):
        read_baseline(path)


def test_a_folder_that_cannot_be_written_is_one_line(make_bundle, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"Not a directory; choose another --dir, or free some room"):
        write_baseline(tmp_path / "file", baseline_of([make_bundle()]))


def test_save_appends_lists_shows_and_drops_the_oldest(cli, make_run):
    runs = [make_run(created=f"2026-11-{day:02}T00:00:00Z") for day in (1, 2, 3)]
    first = cli("baseline", "save", runs[0])
    assert first.exit_code == 0 and first.output.strip().endswith("1 run")
    path = first.output.partition(": ")[0]
    assert path.startswith(".chipassay/baselines/")
    assert cli("baseline", "save", *runs[1:], "--keep", 2).output.strip().endswith("2 runs; the oldest 1 made room")
    listed = document(cli("baseline", "list", "--json"))
    assert [(one["path"], one["runs"], one["model"]) for one in listed] == [(path, 2, "qwen3-0.6b")]
    held = document(cli("baseline", "show", path, "--json"))
    assert held["runs"][0]["created"].startswith("2026-11-02")
    assert 0 < held["spreads"]["torch-cpu@float32"]["decode_throughput"] < 1
    shown = cli("baseline", "show", path).output
    assert "torch-cpu@float32" in shown and "Decode" in shown and "spread" in shown
    assert "2 runs" in cli("baseline", "list").output
    assert document(cli("baseline", "save", make_run(), "--replace", "--json"))["runs"] == 1


def test_an_empty_folder_lists_nothing_and_says_how_to_begin(cli):
    found = cli("baseline", "list")
    assert (found.exit_code, found.stdout) == (0, "")
    assert "make one with `chipassay baseline save BUNDLE`" in found.stderr


def test_a_bundle_with_failures_is_refused_by_the_command(cli, tmp_path):
    found = cli("baseline", "save", write_bundle(full_bundle(), tmp_path / "mixed"))
    assert isinstance(found.exception, InputError)
    assert "a baseline needs comparable targets" in str(found.exception)
