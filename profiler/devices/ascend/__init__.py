"""Huawei Ascend, through ``npu-smi``."""
