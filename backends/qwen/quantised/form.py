"""What a quantised format is: which tensors hold a weight, and the formula that makes it float32 again."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from backends.common.errors import InputError

if TYPE_CHECKING:
    import torch

FLOATS = ("F32", "F16", "BF16")
"""Types of tensors that are read as they are."""

_IDLE = re.compile(
    r"\.(input|output|activation)_(scale|zero_point|scale_inv|global_scale)$|\.[qkv]_(scale|zero_point)$"
)


class NotRead(Exception):  # noqa: N818 - it is no error of the program
    """The settings ask for a variant of the format that is not read; the text names it."""


@dataclass(frozen=True, slots=True)
class Header:
    """One stored tensor: its file, shape and type, as safetensors writes them."""

    path: Path
    shape: tuple[int, ...]
    dtype: str


Headers = Mapping[str, Header]
"""Every stored tensor by name."""

Small = Callable[[str], Any]
"""Read a small tensor of integers as a NumPy array, to check it before any weight is loaded."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A weight that is stored quantised: its name and shape as a plain checkpoint has them, and its tensors by part."""

    name: str
    shape: tuple[int, ...]
    parts: Mapping[str, str]


class Form(ABC):
    """A quantised format with the settings of one checkpoint.

    Activations stay in the precision that a target computes in, whatever the format quantises them to: only weights
    are read.
    """

    label: str
    """The format with its settings, in a few words."""
    plain: Sequence[str] = ()
    """Modules that the settings leave unquantised, as they write them."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """What settings call the format."""

    @abstractmethod
    def find(self, headers: Headers, small: Small) -> Iterator[Quantised]:
        """Find every weight that is stored quantised, and check the shapes of its tensors.

        Raises:
            InputError: A tensor is missing, has another shape than the settings ask for, or an index out of range.
        """

    @abstractmethod
    def dequantise(self, weight: Quantised, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Return the weight in float32, ``weight.shape``."""

    def idle(self, name: str) -> bool:
        """Return whether a tensor serves quantised activations or a quantised cache only, which no path here has."""
        return _IDLE.search(name) is not None

    def keeps_plain(self, module: str) -> bool:
        """Return whether the settings leave ``module``, or what it is in, unquantised."""
        return any(
            re.match(entry.removeprefix("re:"), module) if entry.startswith("re:")
            else module == entry or module.startswith(f"{entry}.")
            for entry in self.plain
        )  # fmt: skip


def need(headers: Headers, owner: str, part: str, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[str]) -> str:
    """Check that the tensor ``part`` of the weight ``owner`` is there, in one of ``shapes`` and ``dtypes``.

    Raises:
        InputError: It is not.
    """
    found = headers.get(part)
    if found is None:
        raise InputError(
            f"{headers[owner].path}: {owner} is stored as {headers[owner].dtype}, but {part} is missing, without "
            "which its values are unknown; download the checkpoint again"
        )
    if found.shape not in shapes:
        raise InputError(f"{found.path}: {part} is {_size(found.shape)}, {owner} needs {_size(shapes[0])}")
    if found.dtype not in dtypes:
        raise InputError(f"{found.path}: {part} is stored as {found.dtype}; {', '.join(dtypes)} are read")
    return part


def check_groups(headers: Headers, part: str, small: Small, groups: int) -> None:
    """Check that every entry of an index of groups names one of ``groups``.

    Raises:
        InputError: One does not.
    """
    index = small(part)
    if index.size and not (index.min() >= 0 and index.max() < groups):
        wrong = int(index.min() if index.min() < 0 else index.max())
        raise InputError(
            f"{headers[part].path}: {part} names group {wrong}, but the weight has {groups} groups of scales; "
            "download the checkpoint again"
        )


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"
