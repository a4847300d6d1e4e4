"""The machine of a run; what it is made of is tested in tests/inventory."""

import json
import subprocess
import sys

import jsonschema
import pytest

from profiler import host
from profiler.codec import json_schema
from profiler.host import physical_cores


@pytest.mark.parametrize(
    ("allowed", "physical", "cores"), [({0, 1, 2, 3}, 2, 2), ({0}, 8, 1), ({0, 1, 2}, None, 3), (set(), 4, 1)]
)
def test_physical_cores_are_those_this_process_may_use(monkeypatch, allowed, physical, cores):
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: allowed)
    monkeypatch.setattr(host.psutil, "cpu_count", lambda logical: physical)
    assert physical_cores() == cores


SURVEY = """
import sys
from profiler.codec import encode
from profiler.host import read_host
sys.stdout.buffer.write(encode(read_host()))
assert not {"torch", "transformers", "onnxruntime"} & set(sys.modules)
"""


def test_a_machine_is_read_without_an_engine_and_alike_each_time():
    documents = [
        json.loads(subprocess.run([sys.executable, "-c", SURVEY], capture_output=True, check=True).stdout)
        for _ in range(2)
    ]
    jsonschema.Draft202012Validator(json_schema("host")).validate(documents[0])
    assert documents[0]["fingerprint"] == documents[1]["fingerprint"]
    assert any(part["kind"] == "cpu" and part["name"] for part in documents[0]["components"])
