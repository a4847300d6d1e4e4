"""The bill of materials, held against the official schema."""

import datetime
import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.common.errors import InputError
from backends.qwen.synthetic import synthetic_model
from profiler.inventory import take_inventory
from profiler.inventory.bom import cyclonedx, document_time
from profiler.records.host import Component, Host
from reports.document.inventory_text import facts, headline, origin
from tests.profiler.inventory.test_survey import server  # noqa: F401 - a fixture

WHEN = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)


def check(text):
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error
    return json.loads(text)


def of_type(document, kind):
    return [part for part in document["components"] if part["type"] == kind]


def properties(part):
    return {entry["name"]: entry["value"] for entry in part["properties"]}


def test_this_machines_bom_is_valid():
    document = check(cyclonedx(take_inventory(engines=False), version="0.1.0"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["tools"]["components"][0]["name"] == "chipassay"


def test_parts_have_the_standards_types_and_their_origin(server):  # noqa: F811
    document = check(cyclonedx(server(), version="0.1.0"))
    gpu = next(part for part in of_type(document, "device") if "H100" in part["name"])
    assert gpu["manufacturer"] == {"name": "NVIDIA"}
    assert properties(gpu)["chipassay:designer_country"] == "US"
    assert properties(gpu)["chipassay:foundry_country"] == "TW"
    assert properties(gpu)["chipassay:chip:id"] == "nvidia-h100-sxm"
    assert properties(gpu)["chipassay:detail:power_limit_w"] == "700.0"
    assert of_type(document, "firmware")[0]["version"] == "2.3"
    assert of_type(document, "operating-system")[0]["name"] == "Debian 12"
    purls = {part["purl"] for part in of_type(document, "library") if "purl" in part}
    assert any(purl.startswith("pkg:pypi/msgspec@") for purl in purls)
    machine = document["metadata"]["component"]
    assert machine["name"] == "Supermicro SYS-421GE-TNRT"
    dependencies = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert set(dependencies["machine"]) == {part["bom-ref"] for part in document["components"]}


def test_what_was_not_read_is_in_the_document():
    host = Host("f", (Component("cpu", "x", source="s"),), {"firmware": "no permission"})
    document = check(cyclonedx(host, version="1"))
    assert {"name": "chipassay:unread:firmware", "value": "no permission"} in document["properties"]


def test_the_model_of_a_bundle_is_a_machine_learning_model(make_spec):
    model = synthetic_model(make_spec())
    document = check(cyclonedx(take_inventory(engines=False), version="1", model=model, created=WHEN))
    (part,) = of_type(document, "machine-learning-model")
    assert part["name"] == "tiny" and properties(part)["chipassay:model:digest"] == model.digest
    assert properties(part)["chipassay:model:weights"] == "synthetic"
    assert document["metadata"]["timestamp"].startswith("2026-11-23T12:00:00")


def test_the_same_inventory_gives_the_same_document_and_another_another_serial_number(server):  # noqa: F811
    host = server()
    assert cyclonedx(host, version="1") == cyclonedx(host, version="1")
    document = json.loads(cyclonedx(host, version="1"))
    assert "timestamp" not in document["metadata"]
    assert json.loads(cyclonedx(host, version="2"))["serialNumber"] != document["serialNumber"]


def test_the_time_of_a_document_is_the_bundles_or_the_builds(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert document_time(None) is None
    assert document_time("2026-11-23T12:00:00+00:00") == WHEN
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert document_time(None) == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(InputError, match="count of seconds, not 'yesterday'"):
        document_time(None)
    with pytest.raises(InputError, match="'yesterday'"):
        document_time("yesterday")


VALUES = st.recursive(
    st.one_of(
        st.text(max_size=20), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
SPECIAL = ("chip", "packages", "caches", "modules", "numa_nodes", "mig_devices", "count", "evidence", "version")
PARTS = st.builds(
    Component,
    kind=st.sampled_from(
        ["python", "cpu", "accelerator", "memory", "firmware", "operating-system", "engine", "pci-device", "machine"]
    ),
    name=st.text(max_size=20),
    vendor=st.none() | st.text(min_size=1, max_size=10),
    designer_country=st.none() | st.just("CN"),
    details=st.dictionaries(st.text(max_size=8) | st.sampled_from(SPECIAL), VALUES, max_size=3),
    source=st.text(max_size=5),
)


@settings(max_examples=15, deadline=None)
@example([Component("python", "x", details={"packages": {"\r": None}}, source="g")], {})
@given(st.lists(PARTS, max_size=4), st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=2))
def test_whatever_a_machine_says_the_document_is_valid(parts, unread):
    check(cyclonedx(Host("f", tuple(parts), unread), version="1"))


@given(st.lists(PARTS, max_size=4))
def test_whatever_a_machine_says_it_can_be_put_in_words(parts):
    for part in parts:
        assert headline(part).startswith(part.name)
        assert all(isinstance(text, str) for text in (*facts(part), origin(part)))
