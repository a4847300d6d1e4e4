"""Stands in for PyTorch in the environment of tpu-mlir, whose ONNX path uses it for custom operators only.

Any use says that PyTorch is not here, instead of computing something.
"""

from typing import NoReturn

__version__ = "0+chipassay.stand.in"


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"torch.{name}: PyTorch is not in this environment, only chipassay's stand-in")
