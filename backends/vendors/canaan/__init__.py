"""Canaan's nncase as an execution path: compiled for the K230 and simulated, a layer at a time.

It gives no time, no cycles and no traffic; what it gives is whether a model compiles, what the simulated chip computes,
and which operators its neural unit (KPU) takes.
"""
