"""compressed-tensors checkpoints (llm-compressor): integers packed or plain, eight-bit floats, in several schemes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.quantised.form import FLOATS, Form, Headers, NotRead, Quantised, Small, check_groups, need
from backends.qwen.quantised.fp8 import OCTETS, spread
from backends.qwen.quantised.packing import unpack

if TYPE_CHECKING:
    import torch

_FORMATS = ("dense", "int-quantized", "float-quantized", "naive-quantized", "pack-quantized", "mixed-precision")
_STRATEGIES = ("tensor", "channel", "group", "block")


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a group of modules is quantised to: the scope of a scale, bits, and whether there are zero points."""

    targets: tuple[str, ...]
    strategy: str
    bits: int
    symmetric: bool
    block: tuple[int, int]
    """Rows and columns that share a scale; a row of None is all."""

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The shape of the scales of a weight of ``shape``."""
        rows, columns = self.span(shape)
        return -(-shape[0] // rows), -(-shape[1] // columns)

    def span(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the weight that share a scale."""
        whole = {"tensor": shape, "channel": (1, shape[1]), "group": (1, self.block[1]), "block": self.block}
        rows, columns = whole[self.strategy]
        return rows, columns


class Compressed(Form):
    """``(q - zero) * scale``; a symmetric scheme has no zero points.

    Packed integers are stored with ``2**(bits - 1)`` added: ``weight_packed`` ``[outputs, inputs * bits / 32]``, beside
    ``weight_shape``; their zero points are packed along the outputs. Plain ones and floats are in ``weight``. Scales
    are ``[1]``, ``[outputs, 1]``, ``[outputs, groups]`` or ``[row blocks, column blocks]``. Source: compressed-tensors
    0.20 (``compressors/pack_quantized``, ``compressors/naive_quantized``, ``quantization/lifecycle``).
    """

    kinds = ("compressed-tensors",)

    def __init__(self, settings: dict[str, Any]) -> None:
        name = settings.get("format") or "dense"
        named = settings.get("config_groups") or {}
        groups = [named[name] for name in named]
        formats = {name, *(group["format"] for group in groups if group.get("format"))}
        sparsity = (settings.get("sparsity_config") or {}).get("format") or "dense"
        if not formats <= set(_FORMATS) or sparsity != "dense":
            raise NotRead(f"compressed-tensors of {', '.join(sorted({*formats, sparsity} - set(_FORMATS)))}")
        if settings.get("transform_config"):
            raise NotRead("compressed-tensors with transforms")
        self._schemes = tuple(_scheme(group) for group in groups if group.get("weights"))
        self.plain = tuple(settings.get("ignore") or ())
        sizes = dict.fromkeys(f"{scheme.bits} bits, {_scope(scheme)}" for scheme in self._schemes)
        self.label = ", ".join([f"compressed-tensors {name}", *sizes])

    def _of(self, module: str) -> Scheme | None:
        """Return the scheme of a module: one that names it, or else the one of every linear layer."""
        named = (
            scheme
            for scheme in self._schemes
            for target in scheme.targets
            if target == module or (target.startswith("re:") and re.match(target.removeprefix("re:"), module))
        )
        return next(named, next((scheme for scheme in self._schemes if "Linear" in scheme.targets), None))

    def find(self, headers: Headers, small: Small) -> Iterator[Quantised]:
        """Find every ``weight_packed``, and every ``weight`` of integers or eight-bit floats."""
        for name, header in headers.items():
            stem, _, leaf = name.rpartition(".")
            if leaf != "weight_packed" and not (leaf == "weight" and header.dtype in ("I8", *OCTETS)):
                continue
            scheme = self._of(stem)
            if scheme is None:
                raise InputError(f"{header.path}: {name} is {header.dtype}, but config_groups names no scheme for it")
            packed = leaf == "weight_packed"
            shape = self._shape(headers, small, name, stem, scheme) if packed else header.shape
            parts = {"weight": name, **_scales(headers, small, name, stem, scheme, shape, packed=packed)}
            yield Quantised(f"{stem}.weight", shape, parts)

    @staticmethod
    def _shape(headers: Headers, small: Small, name: str, stem: str, scheme: Scheme) -> tuple[int, ...]:
        part = need(headers, name, f"{stem}.weight_shape", ((2,),), ("I64", "I32"))
        rows, columns = (int(size) for size in small(part))
        stored = headers[name]
        if stored.dtype != "I32" or stored.shape != (rows, -(-columns * scheme.bits // 32)):
            found = "x".join(map(str, stored.shape))
            raise InputError(
                f"{stored.path}: {name} is {found} of {stored.dtype}, not {rows}x{columns} of {scheme.bits} bits"
            )
        return rows, columns

    def dequantise(self, weight: Quantised, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Unpack, subtract the zero point, multiply by the scale."""
        import torch

        parts, shape = weight.parts, weight.shape
        scheme = self._of(weight.name.rpartition(".")[0])
        assert scheme is not None
        packed = "shape" in parts
        stored, bias = read(parts["weight"]), 1 << scheme.bits - 1
        values = (unpack(stored, scheme.bits, shape[1]) if packed else stored).to(torch.float32)
        grid = scheme.grid(shape)

        def over(grid_values: torch.Tensor) -> torch.Tensor:
            placed = grid_values.to(torch.float32).reshape(grid)
            if "groups" in parts:
                return placed[:, read(parts["groups"]).long()]
            return spread(placed, scheme.span(shape), shape)

        if packed:
            values -= bias
        if "packed_zeros" in parts:
            values -= over(unpack(read(parts["packed_zeros"]).t(), scheme.bits, shape[0]).t().float() - bias)
        elif "zeros" in parts:
            values -= over(read(parts["zeros"]))
        return values.mul_(over(read(parts["scale"])))


def _scales(
    headers: Headers, small: Small, name: str, stem: str, scheme: Scheme, shape: tuple[int, ...], *, packed: bool
) -> dict[str, str]:
    rows, columns = grid = scheme.grid(shape)
    shapes = (grid, *(((1,), ()) if grid == (1, 1) else ()), *(((rows,),) if columns == 1 else ()))
    parts = {"scale": need(headers, name, f"{stem}.weight_scale", shapes, FLOATS)}
    if packed:
        parts["shape"] = f"{stem}.weight_shape"
    zeros = f"{stem}.weight_zero_point"
    if packed and not scheme.symmetric and scheme.strategy in ("channel", "group"):
        parts["packed_zeros"] = need(headers, name, zeros, ((-(-rows * scheme.bits // 32), columns),), ("I32",))
    elif not scheme.symmetric or zeros in headers:
        parts["zeros"] = need(headers, name, zeros, shapes, ("I8", *OCTETS, *FLOATS))
    if (index := f"{stem}.weight_g_idx") in headers:
        parts["groups"] = need(headers, name, index, ((shape[1],),), ("I32", "I64"))
        check_groups(headers, index, small, columns)
    return parts


def _scheme(group: dict[str, Any]) -> Scheme:
    weights = group["weights"]
    size = weights.get("group_size")
    strategy = weights.get("strategy") or ("group" if size else "tensor")
    strategy = "channel" if strategy == "group" and size is not None and size < 0 else strategy
    if strategy not in _STRATEGIES:
        raise NotRead(f"compressed-tensors with scales by {strategy}")
    rows, columns = weights.get("block_structure") or (1, size or 1)
    bits = int(weights.get("num_bits", 8))
    targets = tuple(group.get("targets") or ("Linear",))
    return Scheme(targets, strategy, bits, weights.get("symmetric", True), (int(rows), int(columns)))


def _scope(scheme: Scheme) -> str:
    return {
        "tensor": "one scale a tensor",
        "channel": "one scale a channel",
        "group": f"group {scheme.block[1]}",
        "block": f"block {'x'.join(map(str, dict.fromkeys(scheme.block)))}",
    }[scheme.strategy]
