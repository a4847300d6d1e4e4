"""Time each token by the device's clock, without making it wait, and check that clock against the host's."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any


class DeviceTimeline:
    """Events on the device's stream, one a token, read only after the last token.

    ``module`` is PyTorch's module of the device type. The device's clock counts from the moment the prompt's copy is
    queued on an idle device; the host's clock is read at the same moment, and again when the device is done. The
    difference of the two spans is the gap: queuing the first piece of work and waking up at the end, some tens of
    microseconds. A larger one means that the clocks disagree or the host was held up.
    """

    def __init__(self, module: Any, device: str) -> None:
        self._module = module
        self._device = device
        self._events: list[Any] = []
        self._used = 0

    def start(self) -> None:
        """Wait until the device is idle, then start both clocks."""
        self._used = 0
        self._module.synchronize(self._device)
        self._start_ns = time.perf_counter_ns()
        self.mark()

    def mark(self) -> None:
        """Queue the reading of the device's clock behind the work queued so far."""
        if self._used == len(self._events):
            self._events.append(self._module.Event(enable_timing=True))
        self._events[self._used].record()
        self._used += 1

    def finish(self) -> tuple[int, tuple[int, ...], int | None]:
        """Wait for the last mark; return the host's start, the time of every later mark, and the gap, in ns.

        Gaps between neighbouring events are added up: one event pair resolves half a microsecond, a float of the whole
        span would not.
        """
        events = self._events[: self._used]
        events[-1].synchronize()
        end_ns = time.perf_counter_ns()
        at_ns = 0.0
        marks = []
        for before, after in pairwise(events):
            at_ns += before.elapsed_time(after) * 1e6
            marks.append(self._start_ns + round(at_ns))
        return self._start_ns, tuple(marks), end_ns - marks[-1]


class HostTimeline:
    """The same by the host's clock, for devices that run in step with it or have no clock to read."""

    def __init__(self, module: Any, device: str) -> None:
        self._module = module
        self._device = device
        self._marks: list[int] = []

    def start(self) -> None:
        """Wait until the device is idle, then start the clock."""
        self._module.synchronize(self._device)
        self._marks = [time.perf_counter_ns()]

    def mark(self) -> None:
        """Wait for the device and read the clock."""
        self._module.synchronize(self._device)
        self._marks.append(time.perf_counter_ns())

    def finish(self) -> tuple[int, tuple[int, ...], int | None]:
        """Return the start and every mark, in ns, without a gap, as there is no second clock."""
        return self._marks[0], tuple(self._marks[1:]), None


Timeline = DeviceTimeline | HostTimeline


def make_timeline(module: Any, device: str) -> Timeline:
    """Return the device's timeline if its module has timing events, else the host's."""
    try:
        event = module.Event(enable_timing=True)
        event.record()
        event.synchronize()
        event.elapsed_time(event)
    except Exception:  # noqa: BLE001 - each type without timing events raises something else
        return HostTimeline(module, device)
    return DeviceTimeline(module, device)
