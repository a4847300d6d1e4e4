"""Folders that are no plain checkpoint: each kind is recognised by its own marks, and named with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.common.errors import InputError
from backends.qwen.families import FAMILIES
from backends.qwen.rotary import PLAIN, rope_type

LFS = b"version https://git-lfs.github.com/spec/"
WINDOWED = ("qwen2", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_moe")
"""Families whose sliding windows are computed, as transformers does."""
_OTHER_HEADS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "RewardModel", "ProcessReward")


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse a folder whose files are of another kind than a Hugging Face checkpoint with safetensors.

    Raises:
        InputError: The kind is recognised; the message names it.
    """
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        base = _json(adapter).get("base_model_name_or_path", "its base model")
        raise InputError(f"{folder} is a LoRA adapter of {base}: merge it into that model first, then name the result")
    if next(folder.glob("quant_model_description*.json"), None) or next(
        folder.glob("quant_model_weight*.safetensors"), None
    ):
        raise InputError(
            f"{folder} is an Ascend checkpoint quantised by msmodelslim, which no path here reads; name the original "
            "checkpoint and ask for @int8"
        )
    partial = next(folder.rglob("*.incomplete"), None)
    if partial:
        raise InputError(f"{folder} is a download that did not finish ({partial.name}): download it again")
    weights = list(folder.glob("*.safetensors"))
    gguf = next(folder.glob("*.gguf"), None)
    if gguf and not weights:
        raise InputError(
            f"{folder} holds GGUF weights ({gguf.name}), which no path here reads; name the original checkpoint"
        )
    for path in weights:
        with path.open("rb") as handle:
            if handle.read(len(LFS)) == LFS:
                raise InputError(f"{path} is a git-lfs pointer, not the weights: run `git lfs pull` in {folder}")


def refuse_foreign_file(path: Path) -> None:
    """Refuse a file that is named in place of a folder.

    Raises:
        InputError: Always; the message names the kind of the file.
    """
    if path.suffix == ".gguf":
        raise InputError(f"{path} is a GGUF file, which no path here reads; name the folder of the original checkpoint")
    raise InputError(f"{path} is a file; name the folder of a Hugging Face checkpoint")


def refuse_foreign_config(path: Path, config: dict[str, Any]) -> None:
    """Refuse, by name, what ``config.json`` says and no path here computes.

    Raises:
        InputError: The model has another head, attends both ways, or its rotary settings are neither plain nor YaRN.
    """
    kind = config["model_type"]
    head = (config.get("architectures") or [FAMILIES[kind].network])[0]
    if any(word in head for word in _OTHER_HEADS):
        raise InputError(f"{path}: architectures says {head}: a classifier or reward model, which generates no text")
    text: dict[str, Any] = config.get("text_config") or config
    if text.get("is_causal") is False or config.get("is_causal") is False:
        raise InputError(f"{path}: is_causal is false: a bidirectional encoder, which generates no text")
    _refuse_rotary(path, text)
    if text.get("attention_bias") and not FAMILIES[kind].qkv_bias:
        raise InputError(f"{path}: attention_bias is true, but the attention of {kind} adds no bias here")
    types = text.get("layer_types") or []
    if (text.get("use_sliding_window") or "sliding_attention" in types) and kind not in WINDOWED:
        raise InputError(f"{path}: sliding-window attention of {kind} is not supported")


def _refuse_rotary(path: Path, text: dict[str, Any]) -> None:
    """Refuse rotary scaling but YaRN; where the old and the new key differ, nobody knows which one the author meant."""
    kinds = {key: rope_type(text[key]) for key in ("rope_parameters", "rope_scaling") if text.get(key)}
    found = {key: "default" if kind in PLAIN else kind for key, kind in kinds.items()}
    if len(set(found.values())) > 1:
        raise InputError(
            f"{path}: rope_parameters says {found['rope_parameters']!r}, rope_scaling says {found['rope_scaling']!r}"
        )
    for kind in found.values():
        if kind not in ("default", "yarn"):
            raise InputError(f"{path}: rotary scaling {kind!r} is not supported; remove it to run the plain model")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
