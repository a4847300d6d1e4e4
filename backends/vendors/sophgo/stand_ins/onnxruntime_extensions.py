"""Stands in for onnxruntime_extensions in the environment of tpu-mlir, which declares three custom operators with it.

Declaring them does nothing here; running or building a model with one says that the package is missing.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

F = TypeVar("F")

__version__ = "0+chipassay.stand.in"


class PyOp:
    """The element types the declarations name."""

    dt_float = 1
    dt_int64 = 7


class PyOrtFunction:
    """Refused: running a custom operator needs the real package."""

    @staticmethod
    def from_model(model: Any) -> NoReturn:
        """Refuse."""
        raise NotImplementedError("PyOrtFunction: onnxruntime_extensions is not in this environment, only a stand-in")


def onnx_op(**declared: Any) -> Callable[[F], F]:
    """Leave the function as it is: nothing is registered."""
    return lambda function: function


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"onnxruntime_extensions.{name}: only chipassay's stand-in is in this environment")
