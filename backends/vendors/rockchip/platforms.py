"""Rockchip's platforms that were tried with rknn-toolkit2 2.5.0, and what they are given."""

from __future__ import annotations

from backends.vendors.base.path import Chip

_INT4 = ("rk3576", "rv1126b")
"""As the tool itself answers: "The quantized_dtype = 'w4a16' not support in 'rk3588'!"."""

_NO_INT4 = {
    "int4": "rknn-toolkit2 has no four-bit weights (w4a16) for it; choose @int8, or one of "
    + ", ".join(f"rknn:{name}" for name in _INT4)
}

PLATFORMS = {
    name: Chip(name, catalogue_id, {} if name in _INT4 else _NO_INT4)
    for name, catalogue_id in {
        "rk3588": "rockchip-rk3588",
        "rk3576": "rockchip-rk3576",
        "rk3568": "",
        "rk3562": "",
        "rv1126b": "",
    }.items()
}

PRECISIONS = {"float16": "", "int8": "w8a8", "int4": "w4a16"}
"""Precision -> what rknn-toolkit2 calls it when it quantises."""

ARITHMETIC = {"float16": "float16", "int8": "int8 weights and activations", "int4": "int4 weights, float16 activations"}
