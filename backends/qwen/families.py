"""The Qwen families as data: what each does to the same parts, and which classes of transformers compute it.

To add a family, add an entry. Its key is the ``model_type`` of ``config.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.qwen.vision import Tower

Architecture = Literal[
    "qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen2_5_omni", "qwen3", "qwen3_moe", "qwen3_vl", "qwen3_vl_moe",
    "qwen3_omni_moe", "qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp",
]  # fmt: skip
"""The ``model_type`` of every family in :data:`FAMILIES`."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a ``model_type`` means.

    ``module`` is the package in ``transformers.models``; ``network`` and ``config`` are its classes. ``norm_offset`` is
    added to a norm's stored weight. ``nested`` families keep the text model's fields in ``text_config``.
    """

    module: str
    network: str
    config: str
    qkv_bias: bool = False
    qk_norm: bool = False
    gated_attention: bool = False
    fused_delta: bool = False
    norm_offset: int = 0
    tower: Tower | None = None
    nested: bool = False

    @property
    def language_prefix(self) -> str:
        """Where the language model's tensors are."""
        return "model.language_model." if self.nested else "model."


def _plain(module: str, stem: str, **traits: bool) -> Family:
    return Family(module, f"{stem}ForCausalLM", f"{stem}Config", **traits)  # type: ignore[arg-type]


FAMILIES: dict[str, Family] = {
    "qwen2": _plain("qwen2", "Qwen2", qkv_bias=True),
    "qwen2_moe": _plain("qwen2_moe", "Qwen2Moe", qkv_bias=True),
    "qwen2_vl": Family(
        "qwen2_vl", "Qwen2VLForConditionalGeneration", "Qwen2VLConfig", qkv_bias=True, tower="qwen2_vl", nested=True
    ),
    "qwen2_5_vl": Family(
        "qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration", "Qwen2_5_VLConfig", qkv_bias=True, tower="qwen2_5_vl",
        nested=True,
    ),
    "qwen2_5_omni": Family(
        "qwen2_5_omni", "Qwen2_5OmniThinkerForConditionalGeneration", "Qwen2_5OmniThinkerConfig", qkv_bias=True,
        tower="qwen2_5_omni", nested=True,
    ),
    "qwen3": _plain("qwen3", "Qwen3", qk_norm=True),
    "qwen3_moe": _plain("qwen3_moe", "Qwen3Moe", qk_norm=True),
    "qwen3_vl": Family(
        "qwen3_vl", "Qwen3VLForConditionalGeneration", "Qwen3VLConfig", qk_norm=True, tower="qwen3_vl", nested=True
    ),
    "qwen3_vl_moe": Family(
        "qwen3_vl_moe", "Qwen3VLMoeForConditionalGeneration", "Qwen3VLMoeConfig", qk_norm=True, tower="qwen3_vl",
        nested=True,
    ),
    "qwen3_omni_moe": Family(
        "qwen3_omni_moe", "Qwen3OmniMoeThinkerForConditionalGeneration", "Qwen3OmniMoeThinkerConfig", qk_norm=True,
        tower="qwen3_omni", nested=True,
    ),
    "qwen3_next": Family(
        "qwen3_next", "Qwen3NextForCausalLM", "Qwen3NextConfig", qk_norm=True, gated_attention=True, fused_delta=True,
        norm_offset=1,
    ),
    "qwen3_5": Family(
        "qwen3_5", "Qwen3_5ForConditionalGeneration", "Qwen3_5Config", qk_norm=True, gated_attention=True,
        norm_offset=1, tower="qwen3_vl", nested=True,
    ),
    "qwen3_5_moe": Family(
        "qwen3_5_moe", "Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeConfig", qk_norm=True, gated_attention=True,
        norm_offset=1, tower="qwen3_vl", nested=True,
    ),
    "qwen3_5_moe_text": Family(
        "qwen3_5_moe", "Qwen3_5MoeForCausalLM", "Qwen3_5MoeTextConfig", qk_norm=True, gated_attention=True,
        norm_offset=1,
    ),
    "qwen4_exp": Family(
        "qwen4_exp", "Qwen4ExpForConditionalGeneration", "Qwen4ExpConfig", qk_norm=True, gated_attention=True,
        norm_offset=1, tower="qwen3_vl", nested=True,
    ),
}  # fmt: skip
