"""The catalogue of Qwen presets: ``models.yaml``, validated when loaded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located, load_located
from backends.qwen.checkpoint import read_checkpoint, read_spec
from backends.qwen.model import Model, ModelSpec
from backends.qwen.synthetic import synthetic_model

SCHEMA = "chipassay.models/1"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read."""

    what: str
    where: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What the model's authors state, in billions, exactly as printed."""

    parameters_b: float
    non_embedding_parameters_b: float


@dataclass(frozen=True, slots=True)
class Preset:
    """One entry of the catalogue."""

    spec: ModelSpec
    published: Published
    sources: tuple[Source, ...]


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name, in the order of the file."""
    path = files("profiler.models").joinpath("models.yaml")
    return load_presets(path.read_text(), "models.yaml")


def load_presets(text: str, origin: str) -> dict[str, Preset]:
    """Presets from YAML; an error names the file and the line of the entry at fault."""
    root = load_located(text, origin)
    if root.value.get("schema") != SCHEMA:
        raise InputError(f"{origin}:{root.line}: schema must be {SCHEMA!r}, found {root.value.get('schema')!r}")
    found: dict[str, Preset] = {}
    for entry in root.items("presets"):
        preset = _preset(entry, origin)
        if preset.spec.name in found:
            raise InputError(f"{origin}:{entry.line}: {preset.spec.name!r} appears twice")
        found[preset.spec.name] = preset
    return found


def _preset(entry: Located, origin: str) -> Preset:
    value: dict[str, Any] = dict(entry.value)
    published, sources = value.pop("published", None), value.pop("sources", None)
    strange = set(value) - {field.name for field in fields(ModelSpec)}
    if strange:
        raise InputError(f"{origin}:{entry.line}: unknown field {sorted(strange)[0]!r}")
    if not sources:
        raise InputError(f"{origin}:{entry.line}: {value.get('name')!r} has no sources; every fact needs one")
    try:
        preset = Preset(
            msgspec.convert(value, ModelSpec),
            msgspec.convert(published, Published),
            msgspec.convert(sources, tuple[Source, ...]),
        )
    except msgspec.ValidationError as error:
        raise InputError(f"{origin}:{entry.line}: {value.get('name')!r}: {error}") from error
    if preset.spec.attention_heads % preset.spec.kv_heads:
        raise InputError(f"{origin}:{entry.line}: attention_heads must be a multiple of kv_heads")
    return preset


def find_model(name_or_path: str, layers: int | None, seed: int) -> Model:
    """The model a user means: a preset by name (synthetic weights), or the folder of a local checkpoint.

    ``layers`` cuts a preset short; a checkpoint is taken whole.
    """
    preset = presets().get(name_or_path.lower())
    if preset is not None:
        return synthetic_model(_cut(preset.spec, layers), seed)
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        if layers is not None:
            raise InputError("--layers works on presets only: a checkpoint is run whole")
        return read_checkpoint(folder)
    if "/" in name_or_path or name_or_path.startswith("."):
        raise InputError(
            f"{name_or_path} is no folder; give a preset (chipassay models) or the folder of a downloaded checkpoint"
        )
    raise unknown("model", name_or_path, presets())


def find_spec(name_or_path: str) -> ModelSpec:
    """Return the dimensions of a preset, or of the checkpoint in a folder, without its weights."""
    preset = presets().get(name_or_path.lower())
    if preset is not None:
        return preset.spec
    folder = Path(name_or_path).expanduser()
    return read_spec(folder) if folder.is_dir() else find_model(name_or_path, None, 0).spec


def _cut(spec: ModelSpec, layers: int | None) -> ModelSpec:
    if layers is None:
        return spec
    if not 1 <= layers <= spec.layers:
        raise InputError(f"--layers must be 1 to {spec.layers} for {spec.name}, not {layers}")
    return spec.with_layers(layers)
