"""What is run: token ids and how many to generate. Content-addressed, so that identical means identical."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from backends.qwen.images import Image

TokenSource = Literal["hash", "tokenizer"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns after the first: ``later_ids`` are the ids that each adds, ``[turn][batch][tokens]``.

    Every turn generates as many tokens as the first. With ``prefix_cache`` what was said stays in the cache; without,
    each turn prefills all of it again.
    """

    later_ids: tuple[tuple[tuple[int, ...], ...], ...]
    prefix_cache: bool

    @property
    def added_tokens(self) -> int:
        """Tokens that the later turns add to one sequence, what is generated left out."""
        return sum(len(rows[0]) for rows in self.later_ids)


@dataclass(frozen=True, slots=True)
class Workload:
    """A named set of prompts (``[batch][prompt_tokens]`` token ids, equally long) and the tokens to generate for each.

    Generation is greedy and always runs to ``output_tokens``: an end-of-sequence token does not stop it, because two
    targets must do the same work. ``token_source`` says whether ids came from the hash or from a checkpoint's
    tokenizer. Of the generated tokens the first ``thinking_tokens`` are thought, the rest is the answer.
    """

    name: str
    prompt_ids: tuple[tuple[int, ...], ...]
    output_tokens: int
    token_source: TokenSource = "hash"
    image: Image | None = None
    thinking_tokens: int = 0
    conversation: Conversation | None = None

    @property
    def batch(self) -> int:
        """Sequences run side by side."""
        return len(self.prompt_ids)

    @property
    def prompt_tokens(self) -> int:
        """Length of each prompt."""
        return len(self.prompt_ids[0])

    @property
    def total_tokens(self) -> int:
        """Positions one sequence occupies in the KV cache."""
        first = self.prompt_tokens + self.output_tokens
        if self.conversation is None:
            return first
        return first + self.conversation.added_tokens + len(self.conversation.later_ids) * self.output_tokens

    def digest(self) -> str:
        """SHA-256 of the token ids, the lengths, and the picture: what the work is, whatever it is called."""
        content: dict[str, object] = {"prompt_ids": self.prompt_ids, "output_tokens": self.output_tokens}
        for name in ("image", "thinking_tokens", "conversation"):
            if value := getattr(self, name):
                content[name] = value
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
