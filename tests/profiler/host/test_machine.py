"""The machine of a run: its inventory's entry point, and the processors a process may use."""

import pytest

from profiler.host import machine as host
from profiler.host.machine import physical_cores
from profiler.inventory import take_inventory


def test_the_host_is_the_inventory_without_loading_engines():
    found = take_inventory(engines=False)
    assert found.components[0].kind == "cpu" and found.components[0].name
    assert {"memory", "operating-system"} <= {part.kind for part in found.components}
    assert found.fingerprint == take_inventory(engines=False).fingerprint


@pytest.mark.parametrize(
    ("allowed", "physical", "cores"), [({0, 1, 2, 3}, 2, 2), ({0}, 8, 1), ({0, 1, 2}, None, 3), (set(), 4, 1)]
)
def test_physical_cores_are_those_this_process_may_use(monkeypatch, allowed, physical, cores):
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: allowed)
    monkeypatch.setattr(host.psutil, "cpu_count", lambda logical: physical)
    assert physical_cores() == cores
