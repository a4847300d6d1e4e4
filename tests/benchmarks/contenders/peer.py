"""What all peers share. A peer is driven the way its own users drive it: timed, never scored."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar, NoReturn

from backends.contract.backend import Availability, Backend, Generation
from backends.contract.workload import Workload
from backends.qwen.model import Model, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

ENGINE_BYTES = 700_000_000
"""Interpreter, engine and activations, generously."""


class Peer(Backend):
    """A foreign engine behind the contract of a backend."""

    requires: ClassVar[tuple[tuple[str, str], ...]]
    """Modules that must be importable, each with the distribution that brings it."""

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where everything it requires is installed."""
        missing = [name for module, name in cls.requires if importlib.util.find_spec(module) is None]
        if missing:
            return Availability(False, f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")
        return Availability(True)

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Weights, a second copy of a tied output head, and the engine."""
        head = spec.embedding_parameters * 4 if spec.tied_embeddings else 0
        return spec.weight_bytes(precision) + head + ENGINE_BYTES

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> NoReturn:
        """Peers are compared by the tokens they generate, not by their logits."""
        raise NotImplementedError(f"{self.name} is a peer: it is timed, not scored")


def conversion_key(model: Model, precision: str, recipe: int, packages: Sequence[str]) -> str:
    """What a converted model depends on, as the name of its folder in the cache."""
    versions = [f"{package}=={version(package)}" for package in packages]
    return hashlib.sha256(repr((model.digest, precision, recipe, versions)).encode()).hexdigest()[:32]


def single_sequence(token_ids: Sequence[int], start_ns: int, token_ns: Sequence[int], wanted: int) -> Generation:
    """The generation of one sequence; fewer tokens or times than asked for are an error, not a faster engine."""
    if len(token_ids) != wanted or len(token_ns) != wanted:
        raise RuntimeError(f"{wanted} tokens asked for, {len(token_ids)} came with {len(token_ns)} times")
    return Generation((tuple(int(token) for token in token_ids),), start_ns, tuple(token_ns))
