"""Joules from cumulative meter samples: of a window, per token, or by a model."""
