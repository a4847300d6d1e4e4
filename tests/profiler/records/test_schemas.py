"""The published JSON Schemas are those of the records, and refuse what the records refuse."""

import json
from importlib.resources import files

import jsonschema
import pytest

from backends.common.errors import InputError
from profiler.records.ceilings import CeilingSample
from profiler.records.codec import DOCUMENTS, decode, encode, json_schema
from profiler.records.host import Host
from profiler.records.target import Failure, TargetRecord


def target(**changes):
    fields = {
        "schema": "chipassay.record/1", "id": "a@float32", "backend": "a", "device": "", "precision": "float32",
        "status": "failed", "threads": 1, "model_digest": "m", "workload_digest": "w",
        "failure": Failure("it broke"),
    }  # fmt: skip
    return TargetRecord(**{**fields, **changes})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_the_records_own(name):
    published = json.loads(files("profiler.records").joinpath(f"schemas/{name}-1.json").read_text())
    assert published == json.loads(encode(json_schema(name))), (
        f"write codec.encode(codec.json_schema({name!r})) to profiler/schemas/{name}-1.json"
    )
    jsonschema.Draft202012Validator.check_schema(published)


def test_what_is_encoded_validates_and_comes_back_the_same():
    data = encode(target())
    jsonschema.Draft202012Validator(json_schema("target")).validate(json.loads(data))
    assert decode(data, TargetRecord, "x") == target()
    assert data == encode(target()) and data.endswith(b"}\n")


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "great"},
        {"threads": "two"},
        {"metrics": {"ttft": {"value": 1}}},
        {"failure": {"remedy": "none"}},
    ],
)
def test_a_wrong_document_is_refused_by_schema_and_decoder_alike(damage):
    document = {**json.loads(encode(target())), **damage}
    assert not jsonschema.Draft202012Validator(json_schema("target")).is_valid(document)
    with pytest.raises(InputError, match=r"^x\.json is not a valid TargetRecord: ") as error:
        decode(json.dumps(document).encode(), TargetRecord, "x.json")
    assert "\n" not in str(error.value)


def test_a_quantity_that_contradicts_itself_is_refused_when_read():
    bad = {"value": None, "unit": "s", "grade": "measured", "method": "clock", "n": 1, "ci95": None}
    document = {**json.loads(encode(target())), "metrics": {"ttft": bad}}
    with pytest.raises(InputError, match="has a value or is unavailable"):
        decode(json.dumps(document).encode(), TargetRecord, "x.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xff", b'{"fingerprint": "x"}'])
def test_what_is_no_such_document_is_one_line(data):
    with pytest.raises(InputError, match=r"^host\.json is not a valid Host: ") as error:
        decode(data, Host, "host.json")
    assert "\n" not in str(error.value)


def test_numbers_survive_unrounded():
    sample = CeilingSample(2**62 + 1, 0.1 + 0.2, 3)
    assert decode(encode(sample), CeilingSample, "x") == sample
