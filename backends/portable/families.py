"""The architectures that a portable graph is written for."""

from __future__ import annotations

from typing import get_args

from backends.qwen.families import Architecture

PORTABLE: tuple[Architecture, ...] = tuple(name for name in get_args(Architecture) if name != "qwen4_exp")
"""All but the one with residual streams, an n-gram table and sparse attention."""
