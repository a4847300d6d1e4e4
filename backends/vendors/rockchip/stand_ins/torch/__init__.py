"""Stands in for PyTorch in the environment of rknn-toolkit2, which imports it for its quantiser's training only.

What a module needs while it is imported is here and does nothing; any use says that PyTorch is missing.
"""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from torch import nn as nn

F = TypeVar("F")

__version__ = "2.4.0+chipassay.stand.in"


class Tensor:
    """Nothing is an instance of it: SciPy asks whether an array is one wherever a module of this name is loaded."""

    def __new__(cls) -> NoReturn:
        """Refuse."""
        raise NotImplementedError("torch.Tensor: PyTorch is not in this environment, only chipassay's stand-in")


def no_grad() -> Callable[[F], F]:
    """A decorator that leaves a function as it is; the function itself cannot run without PyTorch."""
    return lambda function: function


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"torch.{name}: PyTorch is not in this environment, only chipassay's stand-in")
