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
from backends.qwen.config import spec_of
from backends.qwen.families import FAMILIES
from backends.qwen.model import Model, ModelSpec

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
    if kind not in FAMILIES:
        raise InputError(f"{path}: model_type is {kind!r}; chipassay knows {', '.join(FAMILIES)}")
    _refuse_variants(path, config)
    try:
        return msgspec.convert(asdict(spec_of(folder.resolve().name, config)), ModelSpec)
    except KeyError as error:
        raise InputError(f"{path} lacks {error.args[0]!r}; restore the checkpoint's own config.json") from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{path} has a wrong value: {error}; restore the checkpoint's own config.json") from error


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
