"""Quantised checkpoints: one module a format, each with the formula that turns what is stored into float32."""
