"""Which class of ``onnxruntime-genai``'s model builder writes which architecture, and the mixtures it has no class for.

The builder writes experts for Qwen3.5 only. The same operators (MoE, and QMoE for int4 and int8) compute the experts of
the other families, so their classes here join the attention of one builder class to the experts of another.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

BUILDERS = {
    "qwen2": "QwenModel",
    "qwen2_moe": "QwenModel",
    "qwen2_vl": "Qwen25VLTextModel",
    "qwen2_5_vl": "Qwen25VLTextModel",
    "qwen2_5_omni_thinker": "Qwen25VLTextModel",
    "qwen3": "Qwen3Model",
    "qwen3_moe": "Qwen3Model",
    "qwen3_vl": "Qwen3VLTextModel",
    "qwen3_vl_moe": "Qwen3VLTextModel",
    "qwen3_omni_moe_thinker": "Qwen3VLTextModel",
    "qwen3_5": "Qwen35TextModel",
    "qwen3_5_moe": "Qwen35MoETextModel",
    "qwen3_5_moe_text": "Qwen35MoETextModel",
}
"""The builder's class of the attention, by transformers' ``model_type``."""

MIXTURES = ("qwen2_moe", "qwen3_moe", "qwen3_vl_moe", "qwen3_omni_moe_thinker")
"""Architectures whose experts the builder has no class for."""


def builder_class(model_type: str) -> Any:
    """Return the class that writes the text model of ``model_type``."""
    import onnxruntime_genai.models  # noqa: F401 - its import puts the builder's own packages on sys.path
    from builders import qwen

    attention = getattr(qwen, BUILDERS[model_type])
    if model_type not in MIXTURES:
        return attention
    return _with_experts(attention, qwen.Qwen35MoETextModel)


def _with_experts(attention: Any, donor: Any) -> Any:
    """Return a builder with the attention of one class and the experts of another."""

    class Mixture(attention):  # type: ignore[misc]
        get_moe_module = donor.get_moe_module
        make_moe_preprocessing = donor.make_moe_preprocessing
        make_moe_router = donor.make_moe_router

        def __init__(self, config: Any, *rest: Any) -> None:
            super().__init__(config, *rest)
            normalised = getattr(config, "norm_topk_prob", True)
            self.moe_attrs |= {
                "activation_type": "swiglu", "swiglu_fusion": 1, "normalize_routing_weights": normalised,
            }  # fmt: skip
            self.moe_intermediate_size = config.moe_intermediate_size
            self.shared_expert_intermediate_size = getattr(config, "shared_expert_intermediate_size", None) or 0

        def make_moe_subgraph(self, layer_id: int, moe: Any, root_input: str) -> Any:
            if hasattr(moe, "shared_expert"):
                return donor.make_moe_subgraph(self, layer_id, moe, root_input)
            alone = SimpleNamespace(shared_expert=None, shared_expert_gate=None)
            donor.make_moe_subgraph(self, layer_id, alone, root_input)
            result = f"/model/layers.{layer_id}/moe/{self.moe_attrs['op_type']}/output_0"
            self.layernorm_attrs["skip_input"] = result
            return result

        def make_shared_expert(self, layer_id: int, expert: Any, gate: Any, root_input: str) -> Any:
            return ("", "") if expert is None else donor.make_shared_expert(self, layer_id, expert, gate, root_input)

        def make_gated_add(self, name: str, **inputs: Any) -> None:
            if inputs["gate"]:
                super().make_gated_add(name, **inputs)

    return Mixture
