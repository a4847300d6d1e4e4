"""Print what PyTorch sees of one device type: ``python -m backends.torch_device.ask TYPE``, one JSON line at the end.

It runs in a separate process: importing a vendor's extension can print, take a context on the device, or break
``import torch`` where its driver is missing, and none of that may happen to whoever only wants to know.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from backends.torch_device.kinds import load_device_module


def main() -> None:
    """Print ``{"devices": [...]}``, or ``{"error": ...}`` with the reason in one line."""
    try:
        answer: dict[str, Any] = {"devices": _devices(sys.argv[1])}
    except Exception as error:  # noqa: BLE001 - whatever a vendor's extension raises is the answer
        first = next(iter(str(error).strip().splitlines()), "")
        answer = {"error": f"{type(error).__name__}: {first}" if first else type(error).__name__}
    print(json.dumps(answer), flush=True)


def _devices(kind: str) -> list[dict[str, Any]]:
    module = load_device_module(kind)
    if not module.is_available():
        return []
    return [_device(module, index) for index in range(module.device_count())]


def _device(module: Any, index: int) -> dict[str, Any]:
    free, total = module.mem_get_info(index)
    capability = getattr(module, "get_device_capability", None)
    value = capability(index) if capability else None
    return {
        "name": module.get_device_name(index),
        "free_bytes": free,
        "total_bytes": total,
        # Only NVIDIA's and AMD's is a pair of numbers; others give a name or a dictionary.
        "capability": list(value) if isinstance(value, tuple) else None,
    }


if __name__ == "__main__":
    main()
