"""A device whose driver is a list of calls."""

from types import SimpleNamespace

import pytest


class FakeDevice:
    """A device module as torch.cuda documents it: streams, events and graphs, on a clock the test sets.

    ``now_ms`` is the device's clock; recorded events keep it. ``calls`` lists what the driver was asked to do.
    """

    def __init__(self):
        self.now_ms = 0.0
        self.calls = []
        self.graphs = []
        device = self

        class Event:
            def __init__(self, enable_timing=False):
                assert enable_timing

            def record(self):
                self.at_ms = device.now_ms
                device.calls.append("event")

            def synchronize(self):
                device.calls.append("wait for event")

            def elapsed_time(self, later):
                return later.at_ms - self.at_ms

        class Graph:
            def __init__(self):
                device.graphs.append(self)

            def replay(self):
                device.calls.append("replay")

        self.Event, self.TestGraph = Event, Graph

    def synchronize(self, device=None):
        self.calls.append("synchronize")

    def current_stream(self):
        return SimpleNamespace(wait_stream=lambda stream: self.calls.append("main waits"))

    def Stream(self):
        return SimpleNamespace(wait_stream=lambda stream: self.calls.append("side waits"))

    def stream(self, stream):
        return _Noted(self.calls, "on side stream")

    def graph(self, graph):
        return _Noted(self.calls, "capture")


class _Noted:
    def __init__(self, calls, what):
        self._calls, self._what = calls, what

    def __enter__(self):
        self._calls.append(f"begin {self._what}")

    def __exit__(self, *error):
        self._calls.append(f"end {self._what}")


@pytest.fixture
def fake_device():
    return FakeDevice()
