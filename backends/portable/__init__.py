"""The one portable ONNX export: static shapes and standard operators only, from which every vendor toolchain starts.

This module imports nothing: the decoder also runs in vendors' environments, which lack the exporter's libraries.
"""
