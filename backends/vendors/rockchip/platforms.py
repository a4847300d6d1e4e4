"""Rockchip's platforms that were tried with rknn-toolkit2 2.5.0, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """``catalogue_id`` is empty for a chip that is not in the catalogue."""

    name: str
    catalogue_id: str = ""
    int4: bool = False


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("rk3588", "rockchip-rk3588"),
        Platform("rk3576", "rockchip-rk3576", int4=True),
        Platform("rk3568"),
        Platform("rk3562"),
        Platform("rv1126b", int4=True),
    )
}
"""``int4`` as the tool itself answers: "The quantized_dtype = 'w4a16' not support in 'rk3588'!"."""

PRECISIONS = {"float16": "", "int8": "w8a8", "int4": "w4a16"}
"""Precision -> what rknn-toolkit2 calls it when it quantises."""

ARITHMETIC = {"float16": "float16", "int8": "int8 weights and activations", "int4": "int4 weights, float16 activations"}


def why_not(device: str) -> str:
    """Why ``device`` names no platform, or nothing."""
    if not device:
        return "rknn-toolkit2 compiles for a platform, and none is named"
    if device.lower() not in PLATFORMS:
        return f"rknn-toolkit2 was not tried for the platform {device!r} (known: {', '.join(PLATFORMS)})"
    return ""
