"""A tiny model of every family, small enough to run in milliseconds."""

from __future__ import annotations

from dataclasses import replace

from backends.qwen.channels import Experts
from backends.qwen.mixers import DeltaNet, Indexer
from backends.qwen.model import ModelSpec
from backends.qwen.streams import HyperConnections, NGrams
from backends.qwen.vision import Vision

BASE = ModelSpec("tiny", "qwen3", 64, 128, 3, 4, 2, 16, 509, True, 1e6, 1e-6, 8192)
ROUTED, SHARED = Experts(8, 2, 32), Experts(8, 2, 32, 48)
DELTA = DeltaNet(2, 4, 16, 16, 4)
TOWER = Vision(2, 32, 4, 64, 8, 64, positions=64)
WINDOWED = Vision(2, 32, 4, 64, 8, 64, window=32, full_blocks=(1,))


def _moe(architecture: str, experts: Experts, **changes: object) -> ModelSpec:
    changes = {"intermediate_size": 0, "tied_embeddings": False, "experts": experts, **changes}
    return replace(BASE, architecture=architecture, **changes)


def _hybrid(delta: DeltaNet = DELTA, **changes: object) -> dict[str, object]:
    return {"layers": 4, "full_every": 4, "rotary_fraction": 0.25, "delta": delta, "head_dim": 32, **changes}


SPECS = [
    replace(BASE, architecture="qwen2", tied_embeddings=False),
    BASE,
    _moe("qwen2_moe", SHARED, renormalised_routing=False),
    _moe("qwen3_moe", ROUTED),
    replace(BASE, architecture="qwen2_vl", mrope=(2, 3, 3), vision=Vision(2, 32, 4, 128, 8, 64)),
    replace(BASE, architecture="qwen2_5_vl", mrope=(2, 3, 3), vision=WINDOWED),
    replace(BASE, architecture="qwen2_5_omni", mrope=(2, 3, 3), vision=WINDOWED, tied_embeddings=False),
    replace(BASE, architecture="qwen3_vl", mrope=(4, 2, 2), vision=replace(TOWER, deepstack=(0,))),
    _moe("qwen3_vl_moe", ROUTED, mrope=(4, 2, 2), vision=replace(TOWER, deepstack=(0,))),
    _moe("qwen3_omni_moe", ROUTED, mrope=(4, 2, 2), vision=replace(TOWER, deepstack=(0,))),
    _moe("qwen3_next", SHARED, **_hybrid(replace(DELTA, fused=True))),
    replace(BASE, architecture="qwen3_5", **_hybrid(mrope=(2, 1, 1), vision=TOWER)),
    _moe("qwen3_5_moe", SHARED, **_hybrid(mrope=(2, 1, 1), vision=TOWER)),
    _moe("qwen3_5_moe_text", SHARED, **_hybrid()),
    _moe(
        "qwen4_exp", SHARED, **_hybrid(mrope=(2, 1, 1), vision=TOWER), indexer=Indexer(2, 1, 32, 16, 4),
        streams=HyperConnections(4, 16), ngrams=NGrams((2,), 64, 4, 3, 4, 200, 16, 4),
    ),
]  # fmt: skip
TINY = {spec.architecture: spec for spec in SPECS}
