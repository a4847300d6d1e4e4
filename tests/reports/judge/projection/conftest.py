"""Situations to project, made of plain numbers."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports.judge.projection.dimensions import Dimensions
from reports.judge.projection.evidence import Observation
from reports.judge.projection.formats import formats
from reports.judge.projection.situation import Device, Situation
from reports.judge.projection.stacks import find_stack

DIMENSIONS = Dimensions(
    name="plain", layers=10, hidden_size=1000, layer_matmul=10_000_000, layer_vectors=0, embedding=20_000_000,
    attention_width=1000, kv_width=250, kv_heads=2, vocab_size=20_000, tied=True,
)  # fmt: skip
"""240 MB of bf16 weights read per step: (10 x 10 M + 20 M) x 2 bytes."""

DEVICE = Device("nvidia-a100-sxm-80gb", "plain chip", "NVIDIA", 1e12, 1e14, 80e9, (300.0, 400.0))


@pytest.fixture
def situation() -> Callable[..., Situation]:
    """A plain model on a device of 1 TB/s and 100 TFLOP/s, one sequence of 99 + 1 tokens, with anything changed."""

    def make(*, stack: str = "vllm", number_format: str = "bf16", **changes: object) -> Situation:
        plain = Situation(DIMENSIONS, formats()[number_format], DEVICE, 1, find_stack(stack), 1, 99, 1)
        return replace(plain, **changes)

    return make


@pytest.fixture
def observation(situation: Callable[..., Situation]) -> Callable[..., Observation]:
    """A step time of a situation."""

    def make(value: float, place: str = "here:1", figure: str = "step", **changes: object) -> Observation:
        return Observation(place, situation(**changes), figure, value, value, "s", "a test", "high")

    return make
