"""A piece of work on the device, recorded once as a graph and replayed by one call of the driver.

A decode step of a small model is some hundreds of kernels of a few microseconds each: launched one by one, the host is
the bottleneck (a published measurement finds 2 % of an A100's bandwidth). Replayed, the device runs them back to back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

WARM_UP_RUNS = 2
"""Libraries choose algorithms and allocate workspaces on the first runs, which cannot be recorded."""


def can_record(module: Any, graph: str) -> bool:
    """Return whether the device's module has the graph class called ``graph`` and the context that fills it."""
    return hasattr(module, graph) and hasattr(module, "graph")


def record(work: Callable[[], T], module: Any, graph: str) -> Callable[[], T]:
    """Run ``work`` a few times, record it, and return what replays it; the same tensors are returned every time.

    ``work`` must read and write tensors at fixed addresses and must not wait for the device. Where the device has no
    graphs, ``work`` itself is returned, run once so that what it prepares lies outside any timing.
    """
    if not can_record(module, graph):
        work()
        return work
    side = module.Stream()
    side.wait_stream(module.current_stream())
    with module.stream(side):
        for _ in range(WARM_UP_RUNS):
            work()
    module.current_stream().wait_stream(side)
    recorded = getattr(module, graph)()
    with module.graph(recorded):
        result = work()

    def replay() -> T:
        recorded.replay()
        return result

    return replay
