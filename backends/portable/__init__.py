"""The one portable ONNX export: static shapes and standard operators only, from which every vendor toolchain starts."""

from backends.portable.export import Form, GraphTooLargeError, build_graph, save_graph
from backends.portable.rewrites import REWRITES, apply_rewrites

__all__ = ["REWRITES", "Form", "GraphTooLargeError", "apply_rewrites", "build_graph", "save_graph"]
