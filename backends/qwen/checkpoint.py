"""A local Hugging Face folder as a model: checked whole before anything is loaded, and read without the network."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from backends.common.errors import InputError
from backends.qwen.config import spec_of
from backends.qwen.config_keys import Watched, refuse_other_values, unread_keys
from backends.qwen.contents import Contents
from backends.qwen.families import FAMILIES
from backends.qwen.foreign import refuse_foreign_config, refuse_foreign_folder
from backends.qwen.model import Model, ModelSpec
from backends.qwen.parts import Weight
from backends.qwen.quantised.form import FLOATS, Header
from backends.qwen.quantised.settings import form_of
from backends.qwen.storage import Reason, Storage, Unused
from backends.qwen.stored import pieces, unused_because


def read_checkpoint(folder: Path) -> Model:
    """Return the model in ``folder``; its digest covers the dimensions and every byte of the weight files."""
    config = _config(folder)
    spec = _spec(folder, config)
    contents = Contents(folder, form_of(folder, config))
    unused = _check_tensors(folder, spec, contents)
    digest = hashlib.sha256(spec.digest().encode())
    for path in contents.files:
        with path.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    label = contents.form.label if contents.form else ""
    storage = Storage(label, len(contents.quantised), unused, unread_keys(config))
    return Model(spec, digest.hexdigest(), checkpoint=str(folder.resolve()), storage=storage)


def read_spec(folder: Path) -> ModelSpec:
    """Return the dimensions in ``folder/config.json``."""
    return _spec(folder, _config(folder))


def contents_of(folder: Path) -> Contents:
    """Return the weights in ``folder``, whatever format they are stored in."""
    return Contents(folder, form_of(folder, _config(folder)))


def _config(folder: Path) -> Watched:
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
    return Watched(config)


def _spec(folder: Path, config: Watched) -> ModelSpec:
    path = folder / "config.json"
    refuse_foreign_config(path, config)
    form_of(folder, config)
    refuse_other_values(path, config)
    try:
        return msgspec.convert(asdict(spec_of(folder.resolve().name, config)), ModelSpec)
    except KeyError as error:
        raise InputError(f"{path} lacks {error.args[0]!r}; restore the checkpoint's own config.json") from error
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise InputError(f"{path} has a wrong value: {error}; restore the checkpoint's own config.json") from error


def _check_tensors(folder: Path, spec: ModelSpec, contents: Contents) -> tuple[Unused, ...]:
    """Check, before loading, that every tensor is there, in its shape and a float type, and that none is strange.

    Returns what is left alone, and why.
    """
    plain = contents.plain()
    used, missing = _used(spec, plain)
    if missing:
        some = ", ".join(weight.name for weight in missing[:3])
        elements = sum(weight.elements for weight in missing)
        stored = f" (its settings say {contents.form.label})" if contents.form else ""
        raise InputError(f"{folder} lacks {len(missing)} tensors ({elements:,} weights){stored}, among them {some}")
    if contents.form and not contents.quantised:
        raise InputError(
            f"{folder}: the settings say {contents.form.label}, but every weight is stored as plain floats; remove "
            "quantization_config if that is right, or download the checkpoint again"
        )
    reasons: Counter[Reason] = Counter()
    strange: list[str] = []
    tied = {"lm_head.weight"} if spec.tied_embeddings else set()
    for name in sorted(plain.keys() - used - tied):
        reason = unused_because(name) or _quantised_reason(name, contents)
        if reason is None:
            strange.append(name)
        else:
            reasons[reason] += 1
    if strange:
        raise InputError(
            f"{folder} holds {len(strange)} tensors that no part of {spec.architecture} uses, among them "
            f"{', '.join(strange[:3])}: without them it would compute another model's answer"
        )
    return tuple(Unused(reason, count) for reason, count in sorted(reasons.items()))


def _used(spec: ModelSpec, plain: Mapping[str, Header]) -> tuple[set[str], list[Weight]]:
    used: set[str] = set()
    missing: list[Weight] = []
    for weight in spec.language_weights():
        found = pieces(spec, weight, plain)
        if not found:
            missing.append(weight)
        for piece in found:
            header = plain[piece.name]
            if header.shape != piece.shape:
                given, wanted = ("x".join(map(str, one)) for one in (header.shape, piece.shape))
                raise InputError(f"{header.path}: {piece.name} is {given}, config.json says {wanted}")
            if header.dtype not in FLOATS:
                raise InputError(
                    f"{header.path}: {piece.name} is stored as {header.dtype}; {', '.join(FLOATS)} are read"
                )
            used.add(piece.name)
    return used, missing


def _quantised_reason(name: str, contents: Contents) -> Reason | None:
    """Return why a tensor beside quantised weights is left alone.

    AutoGPTQ writes a bias for every layer, all zero where the model has none.
    """
    if contents.form is None:
        return None
    if contents.form.idle(name):
        return "activation_scales"
    if name.endswith(".bias") and not contents.values(name).any():
        return "zero_biases"
    return None
