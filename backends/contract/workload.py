"""What is run: token ids and how many to generate. Content-addressed, so that identical means identical."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

TokenSource = Literal["hash", "tokenizer"]


@dataclass(frozen=True, slots=True)
class Workload:
    """A named set of prompts (``[batch][prompt_tokens]`` token ids, equally long) and the tokens to generate for each.

    Generation is greedy and always runs to ``output_tokens``: an end-of-sequence token does not stop it, because two
    targets must do the same work. ``token_source`` says whether ids came from the hash or from a checkpoint's
    tokenizer.
    """

    name: str
    prompt_ids: tuple[tuple[int, ...], ...]
    output_tokens: int
    token_source: TokenSource = "hash"

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
        return self.prompt_tokens + self.output_tokens

    def digest(self) -> str:
        """SHA-256 of the token ids and the output length: what the work is, whatever it is called."""
        content = {"prompt_ids": self.prompt_ids, "output_tokens": self.output_tokens}
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
