"""The named workloads, and their token ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backends.common import facts
from backends.common.errors import InputError, unknown
from backends.contract.workload import Conversation, TokenSource, Workload
from backends.qwen.images import Image, make_image
from backends.qwen.model import Model

SCHEMA = "chipassay.workloads/1"

ORDINARY_TOKENS = 151_643
"""Ids below this are text in every Qwen2.5 and Qwen3 tokenizer; special tokens start here."""

MOST_PIXELS = 16_384
"""Longest side of a picture that can be asked for."""

_Write = Callable[[int, int, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class WorkloadEntry:
    """One entry of ``workloads.yaml``; lengths in tokens.

    A picture of ``image`` pixels (width x height) comes before the prompt, and is not in its length. The first
    ``thinking_tokens`` of the output are thought. A conversation has ``turns``; each after the first adds
    ``turn_tokens``.
    """

    name: str
    summary: str
    prompt_tokens: int
    output_tokens: int
    prompt: str
    image: str = ""
    thinking_tokens: int = 0
    turns: int = 1
    turn_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What a user sets instead of the workload's entry; None leaves the entry's."""

    prompt_tokens: int | None
    output_tokens: int | None
    batch: int
    image: tuple[int, int] | None
    thinking_tokens: int | None
    turns: int | None
    prefix_cache: bool | None


@cache
def workload_entries() -> dict[str, WorkloadEntry]:
    """Return every workload by its name."""
    root = facts.shipped("profiler.models", "workloads.yaml", SCHEMA, ("workloads",))
    return facts.records(WorkloadEntry, root, "workloads", by="name")


def make_workload(
    name: str,
    model: Model,
    prompt_tokens: int | None = None,
    output_tokens: int | None = None,
    batch: int = 1,
    *,
    image: tuple[int, int] | None = None,
    thinking_tokens: int | None = None,
    turns: int | None = None,
    prefix_cache: bool | None = None,
) -> Workload:
    """Return the workload ``name`` for ``model``: text if the checkpoint has a tokenizer, hashed ids otherwise.

    What is None is the entry's. ``prompt_tokens`` counts text: the tokens of a picture, ``image`` (width, height)
    pixels large, come on top.

    Raises:
        InputError: There is no such workload, or the model cannot do it.
    """
    entry = workload_entries().get(name)
    if entry is None:
        raise unknown("workload", name, workload_entries())
    wishes = _Wishes(prompt_tokens, output_tokens, batch, image, thinking_tokens, turns, prefix_cache)
    output, thinking = _output(entry, wishes)
    length, picture = _picture(entry, wishes, model)
    source, write = _writer(entry, model)
    rows = [write(row, 0, length) for row in range(wishes.batch)]
    if picture is not None:
        rows = [_with_picture(ids, picture, model) for ids in rows]
    made = Workload(name, tuple(rows), output, source, picture, thinking, _conversation(entry, wishes, write))
    if made.total_tokens > model.spec.max_positions:
        raise InputError(
            f"{made.total_tokens - _generated(made)} prompt and {_generated(made)} output tokens exceed the "
            f"{model.spec.max_positions} positions of {model.spec.name}; lower --prompt-tokens or --output-tokens"
        )
    return made


def _with_picture(ids: tuple[int, ...], picture: Image, model: Model) -> tuple[int, ...]:
    """Return the prompt with the picture's tokens between those that begin and end it."""
    begin, place, end = model.spec.image_tokens
    before = picture.start - 1
    return (*ids[:before], begin, *(picture.tokens * (place,)), end, *ids[before:])


def _generated(workload: Workload) -> int:
    later = len(workload.conversation.later_ids) if workload.conversation else 0
    return workload.output_tokens * (1 + later)


def _output(entry: WorkloadEntry, wishes: _Wishes) -> tuple[int, int]:
    """Return the tokens to generate, and how many of them are thought; the answer keeps its length."""
    thinking = entry.thinking_tokens if wishes.thinking_tokens is None else wishes.thinking_tokens
    output = wishes.output_tokens or entry.output_tokens - entry.thinking_tokens + thinking
    if thinking >= output:
        raise InputError(
            f"{thinking} tokens of thought leave no answer within {output} output tokens of {entry.name}; "
            "lower --thinking-tokens or raise --output-tokens"
        )
    return output, thinking


def _picture(entry: WorkloadEntry, wishes: _Wishes, model: Model) -> tuple[int, Image | None]:
    """Return the length of the prompt's text, and the picture; it stands after the first token of the prompt."""
    length, spec = wishes.prompt_tokens or entry.prompt_tokens, model.spec
    asked = wishes.image or (image_size(entry.image) if entry.image else None)
    if asked is None:
        return length, None
    if spec.vision is None:
        raise InputError(
            f"{spec.name} takes no pictures: {spec.architecture} has no vision tower; use a workload of text, or a "
            "model such as qwen3.5-0.8b"
        )
    if wishes.turns not in (None, 1) or (wishes.turns is None and entry.turns > 1):
        raise InputError(f"{entry.name} has several turns, and pictures are shown in one only; leave out --image")
    width, height = asked
    return length, make_image(model, height, width, 2, wishes.batch)


def image_size(text: str) -> tuple[int, int]:
    """Return width and height of ``1024x768``.

    Raises:
        InputError: It is no size, or has a side of no pixel, or of more than any processor takes.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if found is None or not all(0 < int(side) <= MOST_PIXELS for side in found.groups()):
        raise InputError(f"an image size is WIDTHxHEIGHT, such as 1024x768, no side over {MOST_PIXELS}, not {text!r}")
    return int(found[1]), int(found[2])


def _conversation(entry: WorkloadEntry, wishes: _Wishes, write: _Write) -> Conversation | None:
    """Return what later turns add; None where there are none."""
    turns = wishes.turns or entry.turns
    if turns == 1:
        if wishes.prefix_cache is not None or wishes.turns is not None:
            raise InputError(f"{entry.name} has one turn; --turns and --prefix-cache are for the workload agent")
        return None
    if entry.turns == 1:
        raise InputError(f"{entry.name} has one turn; --turns and --prefix-cache are for the workload agent")
    rows = range(wishes.batch)
    later = tuple(tuple(write(row, turn, entry.turn_tokens) for row in rows) for turn in range(1, turns))
    return Conversation(later, bool(wishes.prefix_cache))


def _writer(entry: WorkloadEntry, model: Model) -> tuple[TokenSource, _Write]:
    """Return where the ids come from, and what gives those of a row and turn in a length."""
    tokenizer = Path(model.checkpoint) / "tokenizer.json" if model.checkpoint else None
    if tokenizer is not None and tokenizer.is_file():
        return "tokenizer", lambda row, turn, length: _text_ids(tokenizer, entry.prompt, row + turn, length)
    vocabulary = min(ORDINARY_TOKENS, model.spec.vocab_size)
    if model.spec.vision is not None:
        vocabulary = min(vocabulary, *model.spec.image_tokens)
    name = entry.name
    return "hash", lambda row, turn, length: _hashed_ids(f"{name}/{turn}" if turn else name, row, length, vocabulary)


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
