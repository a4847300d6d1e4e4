"""What each toolchain needs around its packages: variables, repairs, and a first real use. One file a toolchain."""

from __future__ import annotations

from importlib import import_module

from backends.toolchains.fittings.contract import Fittings

_FITTINGS = {
    "tpu-mlir": "backends.vendors.sophgo.fittings:TpuMlir",
    "nncase": "backends.vendors.canaan.fittings:Nncase",
    "rknn-toolkit2": "backends.vendors.rockchip.fittings:Rknn",
    "onnxruntime-cann": "backends.onnx_cann.fittings:OnnxruntimeCann",
    "msopmodeling": "backends.vendors.huawei.fittings:Msopmodeling",
}


def fittings_of(name: str) -> Fittings:
    """The fittings of the toolchain called ``name``; those that need nothing for one that has no file here."""
    place = _FITTINGS.get(name)
    if place is None:
        return Fittings()
    module, _, kind = place.partition(":")
    made: Fittings = getattr(import_module(module), kind)()
    return made


__all__ = ["Fittings", "fittings_of"]
