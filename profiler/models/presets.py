"""The catalogue of Qwen presets: the files of ``catalogue/``, validated when loaded."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from backends.common.errors import InputError
from backends.common.yaml_lines import Located, load_located
from backends.qwen.checkpoint import read_checkpoint
from backends.qwen.model import Model, ModelSpec
from backends.qwen.synthetic import synthetic_model

SCHEMA = "chipassay.models/2"
NOT_OPEN = "not-open.yaml"
"""The file of names that no preset can exist for."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read."""

    what: str
    where: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What the model's authors state, in billions, exactly as printed; None where they print nothing.

    What ``active_parameters_b`` counts differs by model (see :data:`backends.qwen.model.ActiveReading`).
    """

    parameters_b: float | None = None
    non_embedding_parameters_b: float | None = None
    active_parameters_b: float | None = None
    active_non_embedding_parameters_b: float | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """One entry of the catalogue. ``same_dimensions`` are other checkpoints that it stands for."""

    spec: ModelSpec
    published: Published
    sources: tuple[Source, ...]
    released: str = ""
    same_dimensions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    confidence: Literal["high", "medium", "low"] = "high"


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name, in the order of the file."""
    found: dict[str, Preset] = {}
    folder = files("profiler.models").joinpath("catalogue")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml") and path.name != NOT_OPEN:
            for name, preset in load_presets(path.read_text(), path.name).items():
                if name in found:
                    raise InputError(f"{path.name}: {name!r} is in another file of the catalogue too")
                found[name] = preset
    return dict(sorted(found.items(), key=lambda entry: _order(entry[1])))


def _order(preset: Preset) -> tuple[list[float], str, int]:
    """By generation, then kind, then size."""
    digits = re.match(r"[a-z]*([\d.]+)?", preset.spec.name)
    generation = float(digits[1]) if digits and digits[1] else 2.5
    return [generation], preset.spec.architecture, preset.spec.parameters


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
    published, sources = value.pop("published", {}), value.pop("sources", None)
    about: dict[str, Any] = {
        key: value.pop(key) for key in ("released", "same_dimensions", "notes", "confidence") if key in value
    }
    strange = set(value) - {field.name for field in fields(ModelSpec)}
    if strange:
        raise InputError(f"{origin}:{entry.line}: unknown field {sorted(strange)[0]!r}")
    if not sources:
        raise InputError(f"{origin}:{entry.line}: {value.get('name')!r} has no sources; every fact needs one")
    try:
        whole: dict[str, Any] = {"spec": value, "published": published, "sources": sources, **about}
        preset = msgspec.convert(whole, Preset)
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
    raise _unknown(name_or_path.lower())


def _unknown(name: str) -> InputError:
    """Return the error for a name that is not in the catalogue: why it cannot be, or the nearest that is."""
    for stem, why in _not_open().items():
        if name == stem or name.startswith(f"{stem}-"):
            return InputError(f"{name}: {why}")
    near = difflib.get_close_matches(name, presets(), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return InputError(
        f"unknown model {name!r}: {hint}`chipassay models` lists {len(presets())} presets; a model that is not among "
        "them runs from its checkpoint folder"
    )


@cache
def _not_open() -> dict[str, str]:
    path = files("profiler.models").joinpath("catalogue", NOT_OPEN)
    return {
        entry.value["name"]: entry.value["why"] for entry in load_located(path.read_text(), NOT_OPEN).items("not_open")
    }


def _cut(spec: ModelSpec, layers: int | None) -> ModelSpec:
    if layers is None:
        return spec
    if not 1 <= layers <= spec.layers:
        raise InputError(f"--layers must be 1 to {spec.layers} for {spec.name}, not {layers}")
    return spec.with_layers(layers)
