"""``onnx-cann``: the portable graphs on Huawei Ascend, by ONNX Runtime's CANN provider in its own environment."""
