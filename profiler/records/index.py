"""``bundle.json``: what a bundle is, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.contract.workload import Conversation, TokenSource
from backends.qwen.images import Image
from backends.qwen.model import Model

BUNDLE_SCHEMA = "chipassay.bundle/2"


@dataclass(frozen=True, slots=True)
class WorkloadRecord:
    """The workload as run, token ids included."""

    name: str
    digest: str
    token_source: TokenSource
    batch: int
    prompt_tokens: int
    output_tokens: int
    prompt_ids: tuple[tuple[int, ...], ...]
    image: Image | None = None
    """The picture in every prompt, whose tokens ``prompt_tokens`` counts too."""
    thinking_tokens: int = 0
    """How many of the output tokens come before the answer."""
    conversation: Conversation | None = None
    """The turns after the first; the other fields are those of the first."""


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """``bundle.json``: what the bundle is, how it was made, and the SHA-256 of every other file."""

    schema: str
    chipassay_version: str
    created: str
    """UTC, ISO 8601."""
    state: Literal["running", "complete", "interrupted"]
    command: str
    """The command line that makes this run again."""
    model: Model
    model_facts: dict[str, float]
    """Sizes computed from the dimensions: parameters, bytes, FLOPs."""
    workload: WorkloadRecord
    target_ids: tuple[str, ...]
    """Every requested target in the order asked; finished ones have ``targets/<id>.json``."""
    files: dict[str, str]
