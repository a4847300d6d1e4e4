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
_BOTH_WAYS = {"is_causal": False, "use_bidirectional_attention": True, "is_bidirectional": True, "bidirectional": True}
"""Keys that make attention look both ways, at that value."""


_PARTIAL = ("*.incomplete", "*.aria2", "*.part", "*.partial", "*.crdownload", "._____temp")
"""What Hugging Face's client, aria2, wget, browsers and ModelScope's client leave of a download that stopped."""

_OTHER_WEIGHTS = {
    "*.gguf": "GGUF weights",
    "pytorch_model*.bin": "PyTorch pickles",
    "*.pth": "PyTorch pickles",
    "*.pt": "PyTorch pickles",
    "*.onnx": "an ONNX graph",
    "openvino_model.xml": "an OpenVINO model",
    "*.mnn": "an MNN model",
    "*.rkllm": "a model for Rockchip's RKLLM",
    "*.om": "a model compiled for Ascend",
    "*.ckpt": "a MindSpore or Lightning checkpoint",
    "*.distcp": "a distributed PyTorch checkpoint",
    "*.h5": "TensorFlow weights",
    "*.msgpack": "Flax weights",
}
"""Weights in other files than safetensors, by name."""


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse a folder whose files are of another kind than a Hugging Face checkpoint with safetensors.

    Raises:
        InputError: The kind is recognised; the message names it.
    """
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        found = _json(adapter)
        base, kind = found.get("base_model_name_or_path", "its base model"), found.get("peft_type", "LORA")
        name = "LoRA" if kind == "LORA" else kind
        raise InputError(
            f"{folder} is a {name} adapter of {base}: merge it into that model first, then name the result"
        )
    if next(folder.glob("quant_model_description*.json"), None) or next(
        folder.glob("quant_model_weight*.safetensors"), None
    ):
        raise InputError(
            f"{folder} is an Ascend checkpoint quantised by msmodelslim, which no path here reads; name the original "
            "checkpoint and ask for @int8"
        )
    for place in (folder, *_blobs(folder)):
        partial = next((found for pattern in _PARTIAL for found in place.rglob(pattern)), None)
        if partial:
            raise InputError(f"{folder} is a download that did not finish ({partial.name}): download it again")
    _refuse_other_weights(folder)
    for path in (*folder.glob("*.safetensors"), *folder.glob("*.json")):
        if _is_pointer(path):
            raise InputError(f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in {folder}")


def _refuse_other_weights(folder: Path) -> None:
    if snapshot := next((path for path in folder.glob("snapshots/*") if path.is_dir()), None):
        raise InputError(f"{folder} is the cache of a checkpoint; name the version inside it, such as {snapshot}")
    if (folder / "modules.json").is_file():
        raise InputError(f"{folder} is an embedding model (sentence-transformers), which generates no text")
    if next(folder.glob("*.safetensors"), None):
        return
    for pattern, what in _OTHER_WEIGHTS.items():
        if found := next(folder.glob(pattern), None):
            raise InputError(
                f"{folder} holds {what} ({found.name}), which no path here reads; name a checkpoint with safetensors"
            )
    if (folder / "configuration.json").is_file() and not (folder / "config.json").is_file():
        raise InputError(f"{folder} has ModelScope's configuration.json but no config.json: download it again, whole")


def _blobs(folder: Path) -> tuple[Path, ...]:
    """Return where a version in Hugging Face's cache keeps its files, if it lacks one of them."""
    dangling = any(path.is_symlink() and not path.exists() for path in folder.iterdir())
    blobs = folder.resolve().parent.parent / "blobs"
    return (blobs,) if folder.resolve().parent.name == "snapshots" and dangling and blobs.is_dir() else ()


def _is_pointer(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(len(LFS)) == LFS


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
    for key, both_ways in _BOTH_WAYS.items():
        if both_ways in (text.get(key), config.get(key)):
            raise InputError(
                f"{path}: {key} is {json.dumps(both_ways)}: a bidirectional encoder, which generates no text"
            )
    if head.endswith("Model") and "Omni" not in head:
        raise InputError(f"{path}: architectures says {head}: a model without an output head, which generates no text")
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
