"""The named workloads, and their token ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backends.common import facts
from backends.common.errors import InputError, unknown
from backends.contract.workload import Workload
from backends.qwen.model import Model

SCHEMA = "chipassay.workloads/1"

ORDINARY_TOKENS = 151_643
"""Ids below this are text in every Qwen2.5 and Qwen3 tokenizer; special tokens start here."""


@dataclass(frozen=True, slots=True)
class WorkloadEntry:
    """One entry of ``workloads.yaml``; lengths in tokens."""

    name: str
    summary: str
    prompt_tokens: int
    output_tokens: int
    prompt: str


@cache
def workload_entries() -> dict[str, WorkloadEntry]:
    """Return every workload by its name."""
    root = facts.shipped("profiler.models", "workloads.yaml", SCHEMA, ("workloads",))
    return facts.records(WorkloadEntry, root, "workloads", by="name")


def make_workload(
    name: str, model: Model, prompt_tokens: int | None = None, output_tokens: int | None = None, batch: int = 1
) -> Workload:
    """Return the workload ``name`` for ``model``: text if the checkpoint has a tokenizer, hashed ids otherwise."""
    entry = workload_entries().get(name)
    if entry is None:
        raise unknown("workload", name, workload_entries())
    length = prompt_tokens or entry.prompt_tokens
    output = output_tokens or entry.output_tokens
    if length + output > model.spec.max_positions:
        raise InputError(
            f"{length} prompt and {output} output tokens exceed the {model.spec.max_positions} positions of "
            f"{model.spec.name}; lower --prompt-tokens or --output-tokens"
        )
    tokenizer = Path(model.checkpoint) / "tokenizer.json" if model.checkpoint else None
    if tokenizer is not None and tokenizer.is_file():
        rows = tuple(_text_ids(tokenizer, entry.prompt, row, length) for row in range(batch))
        return Workload(name, rows, output, "tokenizer")
    vocabulary = min(ORDINARY_TOKENS, model.spec.vocab_size)
    rows = tuple(_hashed_ids(name, row, length, vocabulary) for row in range(batch))
    return Workload(name, rows, output, "hash")


def _hashed_ids(name: str, row: int, length: int, vocabulary: int) -> tuple[int, ...]:
    """Return token ``i`` as the first 64 bits of SHA-256(workload, row, i), modulo the vocabulary."""
    return tuple(
        int.from_bytes(hashlib.sha256(f"{name}:{row}:{index}".encode()).digest()[:8], "little") % vocabulary
        for index in range(length)
    )


def _text_ids(path: Path, prompt: str, row: int, length: int) -> tuple[int, ...]:
    """Return the prompt's tokens, repeated and cut to ``length``; each row begins with its number, so rows differ."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise InputError(f"{path} is not a readable tokenizer: {error}; download the checkpoint again") from error
    ids = tokenizer.encode(f"{row + 1}. {prompt}", add_special_tokens=False).ids
    if not ids:
        raise InputError(f"{path} gives no tokens for the prompt; download the checkpoint again")
    return tuple((ids * (length // len(ids) + 1))[:length])
