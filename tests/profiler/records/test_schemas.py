"""The published JSON Schemas are those of the records, and refuse what the records refuse."""

import json
from importlib.resources import files

import jsonschema
import pytest

from backends.common.errors import InputError
from profiler.records.ceilings import CeilingSample
from profiler.records.codec import DOCUMENTS, decode, encode, json_schema
from profiler.records.host import Host
from profiler.records.quantity import Quantity
from profiler.records.target import RECORD_SCHEMA, Failed, Failure, TargetRecord


def target(**changes):
    fields = {
        "schema": RECORD_SCHEMA, "id": "a@float32", "backend": "a", "device": "", "precision": "float32",
        "threads": 1, "model_digest": "m", "workload_digest": "w", "outcome": Failed(Failure("it broke")),
    }  # fmt: skip
    return TargetRecord(**{**fields, **changes})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_the_records_own(name):
    published = json.loads(files("profiler.records").joinpath(f"schemas/{name}.json").read_text())
    assert published == json.loads(encode(json_schema(name))), (
        f"write codec.encode(codec.json_schema({name!r})) to profiler/records/schemas/{name}.json"
    )
    jsonschema.Draft202012Validator.check_schema(published)


def test_what_is_encoded_validates_and_comes_back_the_same():
    data = encode(target())
    jsonschema.Draft202012Validator(json_schema("target-2")).validate(json.loads(data))
    assert decode(data, TargetRecord, "x") == target()
    assert data == encode(target()) and data.endswith(b"}\n")


@pytest.mark.parametrize(
    "damage",
    [
        {"outcome": {"kind": "great"}},
        {"threads": "two"},
        {"outcome": {"kind": "examined", "metrics": {"ttft": {"value": 1}}}},
        {"outcome": {"kind": "failed", "failure": {"remedy": "none"}}},
        {"outcome": {"kind": "unavailable"}},
    ],
)
def test_a_wrong_document_is_refused_by_schema_and_decoder_alike(damage):
    document = {**json.loads(encode(target())), **damage}
    assert not jsonschema.Draft202012Validator(json_schema("target-2")).is_valid(document)
    with pytest.raises(InputError, match=r"^x\.json is not a valid TargetRecord: ") as error:
        decode(json.dumps(document).encode(), TargetRecord, "x.json")
    assert "\n" not in str(error.value)


def test_a_quantity_that_contradicts_itself_is_refused_when_read():
    bad = {"value": None, "unit": "s", "grade": "measured", "method": "clock", "n": 1, "ci95": None}
    with pytest.raises(InputError, match="has a value or is unavailable"):
        decode(json.dumps({"ttft": bad}).encode(), dict[str, Quantity], "x.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xff", b'{"fingerprint": "x"}'])
def test_what_is_no_such_document_is_one_line(data):
    with pytest.raises(InputError, match=r"^host\.json is not a valid Host: ") as error:
        decode(data, Host, "host.json")
    assert "\n" not in str(error.value)


def test_numbers_survive_unrounded():
    sample = CeilingSample(2**62 + 1, 0.1 + 0.2, 3)
    assert decode(encode(sample), CeilingSample, "x") == sample
