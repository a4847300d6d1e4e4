"""Recording and timing, on a device whose driver is a list of calls (shaped by torch.cuda's documentation)."""

import time

import pytest
import torch

from backends.torch_device.recording import WARM_UP_RUNS, record
from backends.torch_device.timeline import DeviceTimeline, HostTimeline, make_timeline


def test_work_is_warmed_up_aside_then_captured_once_and_replayed(fake_device):
    runs = []

    def work():
        runs.append(len(fake_device.calls))
        return "logits"

    replay = record(work, fake_device, "TestGraph")
    assert len(runs) == WARM_UP_RUNS + 1
    assert fake_device.calls == [
        "side waits", "begin on side stream", "end on side stream", "main waits", "begin capture", "end capture",
    ]  # fmt: skip
    assert runs == [2, 2, 5], "warmed up on the side stream, then captured"
    assert len(fake_device.graphs) == 1
    fake_device.calls.clear()
    assert replay() == "logits" and fake_device.calls == ["replay"]
    assert len(runs) == 3, "a replay must not run the Python code again"


def test_without_graphs_the_work_itself_is_returned_and_has_run_once(fake_device):
    runs = []
    same = record(lambda: runs.append(1), fake_device, "NoSuchGraph")
    assert len(runs) == 1 and fake_device.calls == []
    same()
    assert len(runs) == 2


def test_tokens_are_timed_by_the_device_without_waiting_for_each(fake_device, monkeypatch):
    timeline = make_timeline(fake_device, "cuda:0")
    assert isinstance(timeline, DeviceTimeline)
    clock = iter([1_000_000_000, 1_000_000_000 + 20_040_000])
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(clock))
    fake_device.calls.clear()
    timeline.start()
    for now_ms in (12.0, 15.5, 20.0):
        fake_device.now_ms = now_ms
        timeline.mark()
    start_ns, token_ns, gap_ns = timeline.finish()
    assert start_ns == 1_000_000_000
    assert [at - start_ns for at in token_ns] == [12_000_000, 15_500_000, 20_000_000]
    assert gap_ns == 40_000
    assert fake_device.calls == ["synchronize", *["event"] * 4, "wait for event"]


def test_a_second_run_uses_the_same_events_and_forgets_the_first(fake_device):
    timeline = DeviceTimeline(fake_device, "cuda:0")
    for count in (5, 2):
        timeline.start()
        for _ in range(count):
            fake_device.now_ms += 1.0
            timeline.mark()
        start_ns, token_ns, _ = timeline.finish()
        assert [at - start_ns for at in token_ns] == [1_000_000 * (step + 1) for step in range(count)]
    assert len(timeline._events) == 6


def test_a_device_without_a_clock_is_timed_by_the_host():
    timeline = make_timeline(torch.cpu, "cpu")
    assert isinstance(timeline, HostTimeline)
    timeline.start()
    timeline.mark()
    timeline.mark()
    start_ns, token_ns, gap_ns = timeline.finish()
    assert start_ns < token_ns[0] < token_ns[1] and gap_ns is None


@pytest.mark.parametrize("missing", ["Event", "elapsed_time"])
def test_events_that_cannot_time_are_not_used(fake_device, missing):
    if missing == "Event":
        del fake_device.Event
    else:
        del fake_device.Event.elapsed_time
    assert isinstance(make_timeline(fake_device, "npu:0"), HostTimeline)
