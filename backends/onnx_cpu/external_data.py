"""The file of weights beside a graph, written while the weights are made: none is kept in memory for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx_ir

_PAGE = 65_536
"""Large tensors begin on a multiple of this, so that any system can map them."""

_LARGE = 1 << 20
_SMALL_ALIGNMENT = 64


class ExternalData:
    """One file, ``name`` in ``folder``; tensors are appended whole or in parts."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._file = (folder / name).open("wb")

    def close(self) -> None:
        """Close the file; nothing can be added afterwards."""
        self._file.close()

    def add(
        self, name: str, dtype: onnx_ir.DataType, shape: Sequence[int], parts: Iterable[np.ndarray]
    ) -> onnx_ir.ExternalTensor:
        """Write the parts of a tensor one after the other; return the tensor as a reference into the file.

        Raises:
            ValueError: The parts have not the bytes of the shape.
        """
        wanted = math.prod(shape) * dtype.bitwidth // 8
        begin = self._aligned(_PAGE if wanted >= _LARGE else _SMALL_ALIGNMENT)
        for part in parts:
            self._file.write(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        written = self._file.tell() - begin
        if written != wanted:
            raise ValueError(f"{name} has {written} bytes, not {wanted}")
        return onnx_ir.ExternalTensor(
            self._name, begin, written, dtype, shape=onnx_ir.Shape(shape), name=name, base_dir=self._folder
        )

    def _aligned(self, step: int) -> int:
        at = -(-self._file.tell() // step) * step
        self._file.seek(at)
        return at
