"""The chips that tpu-mlir compiles for, and what it was seen to do with each; a chip more is an entry more.

Seen with tpu-mlir 1.30.2 on graphs of a small Qwen3: compiled, simulated, compared with ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.vendors.base import path

PRECISIONS = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "int8": "W8F16", "int4": "W4F16"}
"""The project's names to the compiler's; int8 and int4 are of the weights, which multiply float16."""


@dataclass(frozen=True, slots=True)
class Chip(path.Chip):
    """``cores`` are all of the chip's tensor cores, as the compiler's own debugger and runtime have them."""

    cores: int = 1


_ABORTS = "tpu-mlir 1.30.2 cannot compile float32 for it (tpuc-opt aborts); use float16 or bfloat16"
_NO_OTHER = "tpu-mlir 1.30.2 cannot compile it for this chip (tpuc-opt aborts); use bfloat16"
_BFLOAT16_ONLY = {
    "float16": "tpu-mlir 1.30.2 makes bfloat16 of it without saying so: the chip has no float16; use bfloat16",
    "float32": _NO_OTHER,
    "int8": _NO_OTHER,
    "int4": _NO_OTHER,
}

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip("bm1684x", "sophgo-bm1684x"),
        Chip("bm1688", "sophgo-bm1688", cores=2),
        Chip("cv186x"),
        Chip("bm1684x2", cores=4, lacks={"float32": _ABORTS}),
        Chip("bm1690", cores=8),
        # With 4 cores its simulator gave no result within minutes for a graph that takes 13 s with one.
        Chip("bm1690e", lacks={"float32": _ABORTS}),
        Chip("cv184x", lacks=_BFLOAT16_ONLY),
    )
}

REFUSED = {
    "sg2262": "tpu-mlir 1.30.2 compiles for it, and its simulator then crashes (SIGSEGV)",
    "sg2380": "tpu-mlir 1.30.2 cannot compile a decoder layer for it (tpuc-opt fails)",
    "cv183x": "tpu-mlir 1.30.2 cannot compile a decoder layer for it (tpuc-opt fails)",
    "cv181x": "tpu-mlir 1.30.2 cannot compile a decoder layer for it (tpuc-opt fails)",
}
"""Chips the compiler's options name and that do not work, with the reason."""
