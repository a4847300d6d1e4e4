"""``ascend-model``: Huawei's own latency model of Ascend operators, asked for the operators of a Qwen decoder layer."""
