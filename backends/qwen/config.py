"""``config.json`` of every family: read into a spec, and written as transformers' classes read it."""

from __future__ import annotations

from typing import Any

from backends.qwen.audio import Audio
from backends.qwen.channels import Experts
from backends.qwen.families import FAMILIES
from backends.qwen.mixers import DeltaNet, Indexer
from backends.qwen.model import ModelSpec
from backends.qwen.rotary import rotary_of
from backends.qwen.streams import HyperConnections, NGrams
from backends.qwen.vision import Vision

_HYBRID_ROTARY = 0.25
"""What transformers assumes in hybrid models whose config.json is silent."""

_HEAD_DIM = {"qwen3_next": 256, "qwen3_5": 256, "qwen3_5_moe": 256, "qwen3_5_moe_text": 256, "qwen4_exp": 256}


def spec_of(name: str, config: dict[str, Any]) -> ModelSpec:
    """The spec in ``config``.

    Raises:
        KeyError: a field is missing.
        TypeError, ValueError, ZeroDivisionError: a field has a value that no model has.
    """
    kind = config["model_type"]
    text: dict[str, Any] = config.get("text_config") or config
    heads = text["num_attention_heads"]
    hybrid = kind in _HEAD_DIM
    rope = rotary_of(text, _HYBRID_ROTARY if hybrid else 1.0)
    window, window_from = _window(kind, text)
    return ModelSpec(
        name=name,
        architecture=kind,
        hidden_size=text["hidden_size"],
        intermediate_size=text.get("intermediate_size", 0) if _any_dense(kind, text) else 0,
        layers=text["num_hidden_layers"],
        attention_heads=heads,
        kv_heads=text["num_key_value_heads"],
        head_dim=text.get("head_dim") or _HEAD_DIM.get(kind) or text["hidden_size"] // heads,
        vocab_size=text["vocab_size"],
        tied_embeddings=config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)),
        rope_theta=rope.theta,
        rms_norm_eps=text["rms_norm_eps"],
        max_positions=text["max_position_embeddings"],
        experts=_experts(text),
        sparse_step=text.get("decoder_sparse_step") or 1,
        dense_layers=tuple(text.get("mlp_only_layers") or ()),
        renormalised_routing=text.get("norm_topk_prob", kind != "qwen2_moe") is not False,
        delta=_delta(kind, text),
        full_every=_interval(text) if hybrid else 1,
        rotary_fraction=rope.fraction,
        mrope=rope.sections,
        yarn=rope.yarn,
        window=window,
        window_from=window_from,
        indexer=_indexer(text),
        streams=HyperConnections(text["hc_count"], text["hc_lowrank"]) if kind == "qwen4_exp" else None,
        ngrams=_ngrams(text),
        output_gate="sigmoid" if text.get("output_gate_type") == "sigmoid" else "silu",
        vision=_vision(kind, config.get("vision_config")),
        audio=_audio(config.get("audio_config")),
        mtp_layers=text.get("mtp_num_hidden_layers") or 0,
    )


def _window(kind: str, text: dict[str, Any]) -> tuple[int | None, int]:
    """Return the sliding window and the first layer that has it; every later one has it too.

    ``layer_types``, where it is given, says which; else ``max_window_layers`` does, and in ``qwen3_moe`` nothing does:
    transformers gives every layer the window.
    """
    size, first = text.get("sliding_window"), text.get("max_window_layers")
    sliding = [each == "sliding_attention" for each in text.get("layer_types") or ()]
    if not text.get("use_sliding_window"):
        if any(sliding):
            raise ValueError("layer_types has sliding_attention, but use_sliding_window is not true")
        return None, 0
    if size is None:
        return None, 0
    if kind == "qwen3_moe":
        return size, 0
    start = sliding.index(True) if any(sliding) else len(sliding) if sliding else first or 0
    if sliding and sliding != [index >= start for index in range(len(sliding))]:
        raise ValueError("layer_types alternates between windows and full attention, which is not supported")
    return (size, start) if start < text["num_hidden_layers"] else (None, 0)


def _any_dense(kind: str, text: dict[str, Any]) -> bool:
    return (
        not text.get("num_experts") or bool(text.get("mlp_only_layers")) or (text.get("decoder_sparse_step") or 1) > 1
    )


def _experts(text: dict[str, Any]) -> Experts | None:
    if not text.get("num_experts"):
        return None
    shared = text.get("shared_expert_intermediate_size") or 0
    return Experts(text["num_experts"], text["num_experts_per_tok"], text["moe_intermediate_size"], shared)


def _delta(kind: str, text: dict[str, Any]) -> DeltaNet | None:
    if "linear_num_value_heads" not in text:
        return None
    return DeltaNet(
        text["linear_num_key_heads"], text["linear_num_value_heads"], text["linear_key_head_dim"],
        text["linear_value_head_dim"], text["linear_conv_kernel_dim"], FAMILIES[kind].fused_delta,
    )  # fmt: skip


def _interval(text: dict[str, Any]) -> int:
    """How many layers a period has; ``layer_types`` must repeat it."""
    types = text.get("layer_types")
    if not types:
        return int(text.get("full_attention_interval") or 4)
    linear = [kind == "linear_attention" for kind in types]
    interval = linear.index(False) + 1
    if linear != [bool((index + 1) % interval) for index in range(len(linear))]:
        raise ValueError("layer_types follows no period of linear layers and one of attention")
    return interval


def _indexer(text: dict[str, Any]) -> Indexer | None:
    names = ("indexer_n_heads", "indexer_kv_heads", "indexer_head_dim", "indexer_budget", "indexer_compress_ratio")
    return Indexer(*(text[name] for name in names)) if text.get("indexer_n_heads") else None


def _ngrams(text: dict[str, Any]) -> NGrams | None:
    if not text.get("ple_layer_ids"):
        return None
    return NGrams(
        tuple(sorted(set(text["ple_layer_ids"]))), text.get("ple_embed_dim") or text["hidden_size"],
        text.get("ple_conv_kernel_size", 4), text.get("ngram_size", 3), text.get("heads_per_ngram", 8),
        text["ngram_vocab_size_base"], text.get("make_ngram_vocab_size_divisible_by", 128),
        text.get("split_ngram_parts", 512),
    )  # fmt: skip


def _vision(kind: str, vision: dict[str, Any] | None) -> Vision | None:
    if vision is None or FAMILIES[kind].tower is None:
        return None
    if FAMILIES[kind].tower == "qwen2_vl":
        width = vision.get("embed_dim", 1280)
        return Vision(
            vision.get("depth", 32), width, vision.get("num_heads", 16), int(width * vision.get("mlp_ratio", 4)),
            vision.get("patch_size", 14), vision["hidden_size"],
        )  # fmt: skip
    window = vision.get("window_size")
    return Vision(
        vision["depth"], vision["hidden_size"], vision["num_heads"], vision["intermediate_size"],
        vision["patch_size"], vision["out_hidden_size"], vision.get("spatial_merge_size", 2),
        vision.get("temporal_patch_size", 2), vision.get("num_position_embeddings") or 0,
        tuple(vision.get("deepstack_visual_indexes") or ()), window, tuple(vision.get("fullatt_block_indexes") or ()),
    )  # fmt: skip


def _audio(audio: dict[str, Any] | None) -> Audio | None:
    if not audio:
        return None
    return Audio(
        audio["d_model"], audio["encoder_layers"], audio["encoder_ffn_dim"], audio["num_mel_bins"],
        audio["output_dim"], audio.get("downsample_hidden_size", 0), audio.get("encoder_attention_heads", 20),
    )  # fmt: skip


def config_dict(spec: ModelSpec) -> dict[str, Any]:
    """The model's ``config.json``, as transformers' classes read it."""
    family = spec.family
    text = _text(spec)
    if not family.nested:
        return {**text, "model_type": spec.architecture, "architectures": [family.network]}
    config: dict[str, Any] = {
        "model_type": spec.architecture,
        "architectures": [family.network],
        "text_config": text,
        "tie_word_embeddings": spec.tied_embeddings,
    }
    if spec.vision:
        start, place, end = spec.image_tokens
        config |= {"image_token_id": place, "vision_start_token_id": start, "vision_end_token_id": end}
        config["vision_config"] = _vision_config(spec, spec.vision)
    if spec.audio:
        config["audio_config"] = _audio_config(spec.audio)
    return config


def _text(spec: ModelSpec) -> dict[str, Any]:
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": spec.rope_theta}
    if spec.rotary_fraction != 1:
        rope["partial_rotary_factor"] = spec.rotary_fraction
    if spec.yarn:
        rope |= spec.yarn.settings()
    if spec.mrope:
        rope["mrope_section"] = list(spec.mrope)
    text: dict[str, Any] = {
        "hidden_size": spec.hidden_size,
        "intermediate_size": spec.intermediate_size or (spec.experts.width if spec.experts else 0),
        "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.attention_heads,
        "num_key_value_heads": spec.kv_heads,
        "head_dim": spec.head_dim,
        "vocab_size": spec.vocab_size,
        "tie_word_embeddings": spec.tied_embeddings,
        "rope_parameters": rope,
        "rms_norm_eps": spec.rms_norm_eps,
        "max_position_embeddings": spec.max_positions,
        "hidden_act": "silu",
        "use_sliding_window": spec.window is not None,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    if spec.window is not None:
        text |= {"sliding_window": spec.window, "max_window_layers": spec.window_from}
    if not spec.family.qkv_bias:
        text["attention_bias"] = False
    if experts := spec.experts:
        text |= {
            "num_experts": experts.count,
            "num_experts_per_tok": experts.per_token,
            "moe_intermediate_size": experts.width,
            "shared_expert_intermediate_size": experts.shared_width,
            "decoder_sparse_step": spec.sparse_step,
            "mlp_only_layers": list(spec.dense_layers),
            "norm_topk_prob": spec.renormalised_routing,
        }
    if delta := spec.delta:
        text |= {
            "linear_num_key_heads": delta.key_heads,
            "linear_num_value_heads": delta.value_heads,
            "linear_key_head_dim": delta.key_dim,
            "linear_value_head_dim": delta.value_dim,
            "linear_conv_kernel_dim": delta.taps,
            "layer_types": [
                "linear_attention" if (index + 1) % spec.full_every else "full_attention"
                for index in range(spec.layers)
            ],
        }
    return text | _qwen4(spec)


def _qwen4(spec: ModelSpec) -> dict[str, Any]:
    text: dict[str, Any] = {}
    if spec.output_gate != "silu":
        text["output_gate_type"] = spec.output_gate
    if streams := spec.streams:
        text |= {"hc_count": streams.count, "hc_lowrank": streams.rank}
    if ngrams := spec.ngrams:
        text |= {
            "ple_layer_ids": list(ngrams.layers),
            "ple_embed_dim": ngrams.width,
            "ple_conv_kernel_size": ngrams.taps,
            "ngram_size": ngrams.size,
            "heads_per_ngram": ngrams.heads,
            "ngram_vocab_size_base": ngrams.base_rows,
            "make_ngram_vocab_size_divisible_by": ngrams.divisor,
            "split_ngram_parts": ngrams.parts,
            "eos_token_id": spec.vocab_size - 1,
        }
    if indexer := spec.indexer:
        text |= {
            "indexer_n_heads": indexer.heads,
            "indexer_kv_heads": indexer.kv_heads,
            "indexer_head_dim": indexer.head_dim,
            "indexer_budget": indexer.budget,
            "indexer_compress_ratio": indexer.compress_ratio,
        }
    return text


def _vision_config(spec: ModelSpec, vision: Vision) -> dict[str, Any]:
    shared = {
        "depth": vision.depth,
        "num_heads": vision.heads,
        "patch_size": vision.patch_size,
        "spatial_merge_size": vision.spatial_merge_size,
        "temporal_patch_size": vision.temporal_patch_size,
    }
    if spec.family.tower == "qwen2_vl":
        ratio = vision.intermediate_size // vision.hidden_size
        return {**shared, "embed_dim": vision.hidden_size, "hidden_size": vision.out_hidden_size, "mlp_ratio": ratio}
    config = {
        **shared,
        "hidden_size": vision.hidden_size,
        "intermediate_size": vision.intermediate_size,
        "out_hidden_size": vision.out_hidden_size,
    }
    if vision.window is not None:
        return {**config, "window_size": vision.window, "fullatt_block_indexes": list(vision.full_blocks)}
    return {
        **config,
        "num_position_embeddings": vision.positions,
        "deepstack_visual_indexes": list(vision.deepstack),
    }


def _audio_config(audio: Audio) -> dict[str, Any]:
    config = {
        "d_model": audio.hidden_size,
        "encoder_layers": audio.layers,
        "encoder_attention_heads": audio.heads,
        "encoder_ffn_dim": audio.intermediate_size,
        "num_mel_bins": audio.mel_bins,
        "output_dim": audio.out_hidden_size,
    }
    return config | ({"downsample_hidden_size": audio.downsample} if audio.downsample else {})
