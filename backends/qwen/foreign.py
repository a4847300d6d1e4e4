"""Folders that are no plain checkpoint: each kind is recognised by its own marks, and named with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.common.errors import InputError
from backends.qwen.families import FAMILIES

LFS = b"version https://git-lfs.github.com/spec/"
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
        InputError: The model has another head, attends both ways, is quantised, or its rotary settings are not plain.
    """
    kind = config["model_type"]
    head = (config.get("architectures") or [FAMILIES[kind].network])[0]
    if any(word in head for word in _OTHER_HEADS):
        raise InputError(f"{path}: architectures says {head}: a classifier or reward model, which generates no text")
    text: dict[str, Any] = config.get("text_config") or config
    if text.get("is_causal") is False or config.get("is_causal") is False:
        raise InputError(f"{path}: is_causal is false: a bidirectional encoder, which generates no text")
    _refuse_quantised(path, config)
    _refuse_rotary(path, text)
    types = text.get("layer_types") or []
    if text.get("use_sliding_window") or "sliding_attention" in types:
        raise InputError(f"{path}: sliding-window attention is not supported")
    if text.get("hidden_act", "silu") != "silu":
        raise InputError(f"{path}: hidden_act is {text['hidden_act']!r}, but the Qwen models here use 'silu'")


def _refuse_quantised(path: Path, config: dict[str, Any]) -> None:
    settings = config.get("quantization_config") or config.get("compression_config")
    beside = path.with_name("quantize_config.json")
    if settings:
        kind = settings.get("quant_method") or settings.get("format") or "an unnamed method"
        block = settings.get("weight_block_size") or settings.get("group_size")
        size = f", block {block[0] if isinstance(block, list) else block}" if block else ""
    elif beside.is_file():
        found = _json(beside)
        kind, size = "gptq", f", {found.get('bits')} bits, group {found.get('group_size')}"
    else:
        return
    raise InputError(
        f"{path.parent}: the checkpoint is already quantised ({kind}{size}); name the original one and ask for "
        "@int8 or @int4"
    )


def _refuse_rotary(path: Path, text: dict[str, Any]) -> None:
    """Refuse any rotary scaling; where the old and the new key differ, nobody knows which one the author meant."""
    found = {key: _rope_type(text[key]) for key in ("rope_parameters", "rope_scaling") if text.get(key)}
    if len(set(found.values())) > 1:
        raise InputError(
            f"{path}: rope_parameters says {found['rope_parameters']!r}, rope_scaling says {found['rope_scaling']!r}"
        )
    for kind in found.values():
        if kind != "default":
            raise InputError(f"{path}: rotary scaling {kind!r} is not supported; remove it to run the plain model")


def _rope_type(rope: dict[str, Any]) -> str:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    return "default" if kind == "mrope" else str(kind)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
