"""A local Hugging Face folder as a model: checked whole before anything is loaded, and read without the network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from backends.common.errors import InputError
from backends.qwen.config import spec_of
from backends.qwen.families import FAMILIES
from backends.qwen.foreign import refuse_foreign_config, refuse_foreign_folder
from backends.qwen.model import Model, ModelSpec
from backends.qwen.parts import Weight
from backends.qwen.stored import UNUSED, pieces

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
    refuse_foreign_folder(folder)
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} is no model folder: it has no config.json; name a Hugging Face checkpoint folder")
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold a JSON object; restore the checkpoint's own config.json")
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise InputError(f"{path}: model_type is {kind!r}; chipassay knows {', '.join(FAMILIES)}")
    refuse_foreign_config(path, config)
    try:
        return msgspec.convert(asdict(spec_of(folder.resolve().name, config)), ModelSpec)
    except KeyError as error:
        raise InputError(f"{path} lacks {error.args[0]!r}; restore the checkpoint's own config.json") from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{path} has a wrong value: {error}; restore the checkpoint's own config.json") from error


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
    """Check, before loading, that every tensor is there, in its shape and a float type, and that none is strange."""
    stored = {name: (path, found) for path in files for name, found in _stored(path).items()}
    used: set[str] = set()
    missing: list[Weight] = []
    for weight in spec.language_weights():
        found = pieces(spec, weight, stored)
        if not found:
            missing.append(weight)
        for piece in found:
            path, (shape, dtype) = stored[piece.name]
            if shape != piece.shape:
                given, wanted = ("x".join(map(str, one)) for one in (shape, piece.shape))
                raise InputError(f"{path}: {piece.name} is {given}, config.json says {wanted}")
            if dtype not in _DTYPES:
                raise InputError(f"{path}: {piece.name} is stored as {dtype}; {', '.join(_DTYPES)} are read")
            used.add(piece.name)
    if missing:
        some = ", ".join(weight.name for weight in missing[:3])
        elements = sum(weight.elements for weight in missing)
        raise InputError(f"{folder} lacks {len(missing)} tensors ({elements:,} weights), among them {some}")
    tied = {"lm_head.weight"} if spec.tied_embeddings else set()
    strange = sorted(name for name in stored.keys() - used - tied if not UNUSED.search(name))
    if strange:
        raise InputError(
            f"{folder} holds {len(strange)} tensors that no part of {spec.architecture} uses, among them "
            f"{', '.join(strange[:3])}: without them it would compute another model's answer"
        )


def _stored(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and type of every tensor in a file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as handle:
            slices = {name: handle.get_slice(name) for name in handle.keys()}
            return {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or cut short ({error}); download it again") from error
