"""Sessions with NVML, NVIDIA's management library: the module, or a plain reason why it is unavailable.

NVML counts every board of the machine in PCI order, whatever ``CUDA_VISIBLE_DEVICES`` says; a board of another maker
may answer too (T-Head links its own library under this name).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DRIVER_REMEDY = "install the NVIDIA driver, or pass its libraries into the container"
BINDING_REMEDY = "pip install nvidia-ml-py"


class NvmlUnavailableError(Exception):
    """NVML is unavailable: ``args[0]`` says why, ``remedy`` what to do. Callers catch it: no user sees it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@contextmanager
def nvml_session() -> Iterator[Any]:
    """Yield the module ``pynvml``, initialised; sessions nest (NVML counts them).

    Raises:
        NvmlUnavailableError: If the binding or the driver is missing.
    """
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        raise NvmlUnavailableError("the package nvidia-ml-py is not installed", BINDING_REMEDY) from None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NvmlUnavailableError(f"NVML: {said(error)}", DRIVER_REMEDY) from None
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()


def said(error: Exception) -> str:
    """Return the text of an ``NVMLError`` as a lower-case phrase (``not supported``, ``gpu is lost``)."""
    return str(error).strip().lower() or type(error).__name__
