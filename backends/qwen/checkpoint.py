"""A local Hugging Face folder as a model: checked whole before anything is loaded, and read without the network."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from backends.common.errors import InputError
from backends.qwen.model import Model, ModelSpec

SUPPORTED = ("qwen2", "qwen3")
_DTYPES = ("F32", "F16", "BF16")


def read_checkpoint(folder: Path) -> Model:
    """Return the model in ``folder``; its digest covers the dimensions and every byte of the weight files."""
    spec = read_spec(folder)
    files = weight_files(folder)
    _check_tensors(folder, spec, files)
    digest = hashlib.sha256(spec.digest().encode())
    for path in files:
        with path.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return Model(spec, digest.hexdigest(), checkpoint=str(folder.resolve()))


def read_spec(folder: Path) -> ModelSpec:
    """Return the dimensions in ``folder/config.json``."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} is no model folder: it has no config.json; name a Hugging Face checkpoint folder")
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold a JSON object; restore the checkpoint's own config.json")
    kind = config.get("model_type")
    if kind not in SUPPORTED:
        raise InputError(f"{path}: model_type is {kind!r}; chipassay runs {' and '.join(SUPPORTED)} checkpoints")
    _refuse_variants(path, config)
    try:
        return msgspec.convert(asdict(_spec(folder.resolve().name, config)), ModelSpec)
    except KeyError as error:
        raise InputError(f"{path} lacks {error.args[0]!r}; restore the checkpoint's own config.json") from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{path} has a wrong value: {error}; restore the checkpoint's own config.json") from error


def _spec(name: str, config: dict[str, Any]) -> ModelSpec:
    rope = config.get("rope_parameters") or {}
    heads = config["num_attention_heads"]
    return ModelSpec(
        name=name,
        architecture=config["model_type"],
        hidden_size=config["hidden_size"],
        intermediate_size=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        attention_heads=heads,
        kv_heads=config["num_key_value_heads"],
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        vocab_size=config["vocab_size"],
        tied_embeddings=config.get("tie_word_embeddings", False),
        rope_theta=float(rope["rope_theta"] if "rope_theta" in rope else config["rope_theta"]),
        rms_norm_eps=config["rms_norm_eps"],
        max_positions=config["max_position_embeddings"],
    )


def _refuse_variants(path: Path, config: dict[str, Any]) -> None:
    """Refuse, by name, variants that the computed sizes and the exporters do not cover."""
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    rope_type = rope.get("rope_type", rope.get("type", "default"))
    if rope_type != "default":
        raise InputError(f"{path}: rotary scaling {rope_type!r} is not supported; remove it to run the plain model")
    if config.get("use_sliding_window"):
        raise InputError(f"{path}: sliding-window attention is not supported")
    if config.get("quantization_config"):
        raise InputError(
            f"{path}: the checkpoint is already quantised; name the original one and ask for @int8 or @int4"
        )
    if config.get("hidden_act", "silu") != "silu":
        raise InputError(f"{path}: hidden_act is {config['hidden_act']!r}, but Qwen2 and Qwen3 use 'silu'")


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of ``folder``, by its index if it has one."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        names = ["model.safetensors"]
    else:
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(f"{index} is not a valid safetensors index: {error}") from error
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; download the checkpoint again (safetensors, not .bin)")
    return [folder / name for name in names]


def _check_tensors(folder: Path, spec: ModelSpec, files: list[Path]) -> None:
    """Check, before loading, that every tensor is there, undamaged, in its shape and a float type."""
    from safetensors import SafetensorError, safe_open

    wanted = spec.tensor_shapes()
    for path in files:
        try:
            with safe_open(path, framework="np") as handle:
                for name in handle.keys():
                    part = handle.get_slice(name)
                    shape = wanted.pop(name, None)
                    if shape is None:
                        continue
                    if tuple(part.get_shape()) != shape:
                        given = "x".join(map(str, part.get_shape()))
                        raise InputError(f"{path}: {name} is {given}, config.json says {'x'.join(map(str, shape))}")
                    if part.get_dtype() not in _DTYPES:
                        raise InputError(
                            f"{path}: {name} is stored as {part.get_dtype()}; {', '.join(_DTYPES)} are read"
                        )
        except SafetensorError as error:
            raise InputError(f"{path} is damaged or cut short ({error}); download it again") from error
    if wanted:
        some = ", ".join(list(wanted)[:3])
        elements = sum(math.prod(shape) for shape in wanted.values())
        raise InputError(f"{folder} lacks {len(wanted)} tensors ({elements:,} weights), among them {some}")
