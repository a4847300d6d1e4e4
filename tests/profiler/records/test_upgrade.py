"""Documents of schema 1 come out in schema 2 with every fact they held."""

import json
from pathlib import Path

import pytest

from backends.common.errors import InputError
from profiler.records.bundle import read_bundle
from profiler.records.codec import decode, encode
from profiler.records.readings import HOST, SECOND, TARGET, WALL
from profiler.records.target import RECORD_SCHEMA, TargetRecord

RECORDED = Path(__file__).parents[2] / "reports" / "recorded"
EVERY = RECORDED / "every_outcome"
DOCUMENTS = sorted(RECORDED.glob("*/targets/*.json"))


def old(name):
    return json.loads((EVERY / "targets" / f"{name}.json").read_text())


def new(name):
    return decode((EVERY / "targets" / f"{name}.json").read_bytes(), TargetRecord, name)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_record_keeps_its_identity_status_figures_and_samples(path):
    before = json.loads(path.read_text())
    record = decode(path.read_bytes(), TargetRecord, path)
    assert (before["schema"], record.schema) == ("chipassay.record/1", RECORD_SCHEMA)
    for name in ("id", "backend", "device", "precision", "threads", "model_digest", "workload_digest", "accelerator"):
        assert getattr(record, name) == before[name]
    assert record.status == before["status"]
    figures = {name: {**figure, "raw": None} for name, figure in before["metrics"].items()}
    assert json.loads(encode(record.outcome.metrics)) == figures
    since = {"expert_use": None, "segments": []}  # fields that came later, at their defaults
    of_parity = {"weights": "", "arithmetic": None, "hidden_reason": ""}
    of_runs = {"image_ns": None, "turns": []}
    if worker := before["worker"]:
        worker = {**worker, **since, "repetitions": [{**run, **of_runs} for run in worker["repetitions"]]}
        worker["parity"] = worker["parity"] | of_parity
    assert json.loads(encode(record.worker)) == worker
    if (examined := before["examined"]) and examined["parity"]:
        examined["parity"] |= of_parity
    assert json.loads(encode(record.examined)) == before["examined"]
    assert json.loads(encode(record.failure)) == before["failure"]
    assert decode(encode(record), TargetRecord, path) == record


def test_every_meter_of_schema_1_is_a_reading_with_its_role():
    before, measured = old("cuda_0@bfloat16"), new("cuda_0@bfloat16").measured
    assert [reading.role for reading in measured.readings] == [TARGET, SECOND, HOST, WALL]
    for role, name in ((TARGET, "energy"), (SECOND, "second_energy"), (HOST, "host_energy"), (WALL, "wall_energy")):
        assert json.loads(encode(measured.reading(role).energy)) == before[name]


def test_a_meter_that_saw_nothing_keeps_its_reason():
    measured = new("cuda_2@bfloat16").measured
    assert measured.reading(TARGET).reason == "nvml: no counter"
    assert measured.reading(WALL).reason == "it does not answer"
    assert measured.power_model.most_w == 700.0
    assert new("cuda_3@bfloat16").measured.telemetry_reason == "nvml: no driver"


def test_a_record_that_gave_its_reason_in_the_figure_alone_keeps_it():
    document = old("cuda_3@bfloat16")
    assert document["energy_reason"] == "" and document["metrics"]["energy_per_output_token"]["value"] is None
    why = document["metrics"]["energy_per_output_token"]["method"]
    assert new("cuda_3@bfloat16").measured.reading(TARGET).reason == why


def test_facts_about_polling_are_numbers_and_no_part_of_the_devices_identity():
    seen = new("cuda_1@bfloat16").measured.telemetry
    assert seen.device == {"name": "BI-V150", "index": "3"}
    assert seen.power_scope == "board, which it may share"
    polling = seen.polling
    assert (polling.command, polling.period_s, polling.call_s) == ("ixsmi", 1.25, 0.112)
    assert (polling.calls, polling.failed_calls) == (42, 2)
    assert new("cuda_2@bfloat16").measured.telemetry.caveat == "as documented, not seen on a board"
    assert new("cuda_0@bfloat16").measured.telemetry.polling is None


def test_a_compilers_record_without_a_chip_is_still_one_of_a_compiler():
    assert old("tpu-mlir_bm1690@int4")["chip_id"] is None
    records = read_bundle(EVERY).targets
    assert [record.id for record in records if record.chip_id is not None] == [
        "tpu-mlir:bm1684x@float16", "nncase:k230@float32", "tpu-mlir:bm1690@int4", "tpu-mlir:bm1688@int8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("chipassay.record/3", "written by a newer chipassay"),
        ("chipassay.record/0", "unknown schema"),
        ("chipassay.bundle/1", "unknown schema"),
        (None, "unknown schema None"),
    ],
)
def test_another_schema_is_one_line(schema, says):
    data = json.dumps({**old("cuda_0@bfloat16"), "schema": schema}).encode()
    with pytest.raises(InputError, match=says) as error:
        decode(data, TargetRecord, "x.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "damage", [{"telemetry": 3}, {"status": None, "worker": None}, {"examined": 3, "worker": None}, {"metrics": []}]
)
def test_a_damaged_record_of_schema_1_is_one_line(damage):
    data = json.dumps({**old("cuda_0@bfloat16"), **damage}).encode()
    if damage.get("status", "") is None:
        data = data.replace(b'"status": null, ', b"")
    with pytest.raises(InputError, match=r"^x\.json is not a valid TargetRecord: ") as error:
        decode(data, TargetRecord, "x.json")
    assert "\n" not in str(error.value)
