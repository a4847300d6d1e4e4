"""Sophgo's compiler tpu-mlir, its simulator (cmodel) and its static schedule, as an execution path."""

from backends.compilers.tpu_mlir.path import TpuMlir

__all__ = ["TpuMlir"]
