"""Sophgo's compiler tpu-mlir, its simulator (cmodel) and its static schedule, as an execution path."""

from backends.vendors.sophgo.path import TpuMlir

__all__ = ["TpuMlir"]
