"""``onnx-cpu``: the exported graph on ONNX Runtime's CPU execution provider."""
