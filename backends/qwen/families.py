"""The Qwen families as data: what each does to the same parts, and which classes of transformers compute it.

To add a family, add an entry. Its key is the ``model_type`` of ``config.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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
    ``image_tokens`` begin a picture, hold the place of a piece of it, and end it (transformers' configurations).
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
    image_tokens: tuple[int, int, int] = (151_652, 151_655, 151_653)

    @property
    def language_prefix(self) -> str:
        """Where the language model's tensors are."""
        return "model.language_model." if self.nested else "model."


def _text(module: str, stem: str, config: str = "Config", **traits: Any) -> Family:
    return Family(module, f"{stem}ForCausalLM", f"{stem}{config}", **traits)


def _nested(module: str, stem: str, tower: Tower, **traits: Any) -> Family:
    return Family(module, f"{stem}ForConditionalGeneration", f"{stem}Config", tower=tower, nested=True, **traits)


_GATED: dict[str, Any] = {"qk_norm": True, "gated_attention": True, "norm_offset": 1}

_SINCE_3_5: dict[str, Any] = {**_GATED, "image_tokens": (248_053, 248_056, 248_054)}

FAMILIES: dict[str, Family] = {
    "qwen2": _text("qwen2", "Qwen2", qkv_bias=True),
    "qwen2_moe": _text("qwen2_moe", "Qwen2Moe", qkv_bias=True),
    "qwen2_vl": _nested("qwen2_vl", "Qwen2VL", "qwen2_vl", qkv_bias=True),
    "qwen2_5_vl": _nested("qwen2_5_vl", "Qwen2_5_VL", "qwen2_5_vl", qkv_bias=True),
    "qwen2_5_omni": _nested("qwen2_5_omni", "Qwen2_5OmniThinker", "qwen2_5_omni", qkv_bias=True),
    "qwen3": _text("qwen3", "Qwen3", qk_norm=True),
    "qwen3_moe": _text("qwen3_moe", "Qwen3Moe", qk_norm=True),
    "qwen3_vl": _nested("qwen3_vl", "Qwen3VL", "qwen3_vl", qk_norm=True),
    "qwen3_vl_moe": _nested("qwen3_vl_moe", "Qwen3VLMoe", "qwen3_vl", qk_norm=True),
    "qwen3_omni_moe": _nested("qwen3_omni_moe", "Qwen3OmniMoeThinker", "qwen3_omni", qk_norm=True),
    "qwen3_next": _text("qwen3_next", "Qwen3Next", fused_delta=True, **_GATED),
    "qwen3_5": _nested("qwen3_5", "Qwen3_5", "qwen3_vl", **_SINCE_3_5),
    "qwen3_5_moe": _nested("qwen3_5_moe", "Qwen3_5Moe", "qwen3_vl", **_SINCE_3_5),
    "qwen3_5_moe_text": _text("qwen3_5_moe", "Qwen3_5Moe", "TextConfig", **_GATED),
    "qwen4_exp": _nested("qwen4_exp", "Qwen4Exp", "qwen3_vl", **_SINCE_3_5),
}
