"""Rockchip's rknn-toolkit2 as an execution path: compiled for its NPUs and simulated, a layer at a time.

It gives cycles for products only, so no time; what it gives is whether a model compiles, where each operator runs, the
plan of the memory, and what an NPU's float16 or integers would compute.
"""
