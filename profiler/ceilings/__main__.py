"""The probe process: it chooses, then takes one sample for every line on standard input, until that ends."""

from __future__ import annotations

import sys

import msgspec

from backends.common.errors import in_one_line
from profiler.ceilings.candidate import Sampler, Shape
from profiler.records.bundle import CPU


def main() -> None:
    """Answer the first line with what is sampled, and every other with a sample of each."""
    device, threads, shape, *arithmetic = sys.argv[1:]
    sys.stdin.buffer.readline()
    found = _choose(device, int(threads), Shape.parse(shape), arithmetic)
    _say({name: (one.way, one.trials) for name, one in found.items()})
    for _ in sys.stdin.buffer:
        _say({name: one.take() for name, one in found.items() if one.take})


def _choose(device: str, threads: int, shape: Shape, arithmetic: list[str]) -> dict[str, Sampler]:
    if device == CPU:
        from profiler.ceilings.processor import processor

        return processor(threads, arithmetic, shape)
    from backends.torch_device.kinds import load_device_module
    from profiler.ceilings.accelerator import accelerator

    return accelerator(load_device_module(device), device, arithmetic)


def _say(what: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main()
    except Exception as failure:  # noqa: BLE001 - the parent gets one line about a lost or full device
        _say(in_one_line(failure))
