"""Everything that takes part: our own backends and the peers, one engine a file.

A contender is a :class:`backends.contract.backend.Backend`, whoever wrote the engine: the same code drives them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from backends.common.errors import unknown
from backends.contract.backend import Backend
from backends.contract.registry import backend_names, load_backend

PEERS = {
    "transformers": "transformers_generate:TransformersGenerate",
    "ort-genai": "ort_genai:OrtGenai",
    "openvino": "openvino_genai:OpenVino",
    "llama.cpp": "llama_cpp:LlamaCpp",
}
"""Peer to where its class is, below this package."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine at a precision."""

    engine: str
    precision: str

    @property
    def id(self) -> str:
        """Its name in tables, files and options."""
        return f"{self.engine}@{self.precision}"

    @property
    def ours(self) -> bool:
        """Whether it is this project's own path."""
        return self.engine not in PEERS

    def load_class(self) -> type[Backend]:
        """Its backend; importing it imports no engine."""
        if self.ours:
            return load_backend(self.engine)
        module, _, name = PEERS[self.engine].partition(":")
        found: type[Backend] = getattr(import_module(f"{__name__}.{module}"), name)
        return found


PRECISIONS = ("float32", "bfloat16", "int8", "int4")
"""Contenders meet others of their own precision only."""

OURS = ("onnx-cpu", "torch-cpu")


def contenders() -> tuple[Contender, ...]:
    """Every engine at every precision it offers: precision by precision, ours first."""
    engines = (*OURS, *PEERS)
    return tuple(
        contender
        for precision in PRECISIONS
        for engine in engines
        if precision in (contender := Contender(engine, precision)).load_class().precisions
    )


def find_contender(text: str) -> Contender:
    """The contender with the id ``text``."""
    engine, _, precision = text.partition("@")
    if engine not in PEERS and engine not in backend_names():
        raise unknown("contender", engine, [*backend_names(), *PEERS])
    found = Contender(engine, precision)
    offered = found.load_class().precisions
    if precision not in offered:
        raise unknown(f"precision for {engine}", precision, offered)
    return found
