"""The Qwen presets: the files of ``catalogue/``, validated when loaded."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from backends.common import facts
from backends.common.errors import InputError
from backends.common.yaml_lines import Located
from backends.qwen.checkpoint import read_checkpoint, read_spec
from backends.qwen.foreign import refuse_foreign_file
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
    """The parameter counts that the model's authors state, in billions, as printed; None where they print nothing.

    What ``active_parameters_b`` counts differs by model (see :data:`backends.qwen.model.ActiveReading`).
    """

    parameters_b: float | None = None
    non_embedding_parameters_b: float | None = None
    active_parameters_b: float | None = None
    active_non_embedding_parameters_b: float | None = None


@dataclass(frozen=True, slots=True)
class Backing:
    """What stands behind an entry. ``same_dimensions`` are other checkpoints that it stands for."""

    sources: tuple[Source, ...]
    published: Published = Published()
    released: str = ""
    same_dimensions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    confidence: Literal["high", "medium", "low"] = "high"


@dataclass(frozen=True, slots=True)
class Preset:
    """One entry of the catalogue."""

    spec: ModelSpec
    backing: Backing

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class _NotOpen:
    """A name that people ask for, and why no weights of it are open."""

    name: str
    why: str
    where: str


@cache
def presets() -> dict[str, Preset]:
    """Return every preset by its name, older generations first."""
    found: dict[str, Preset] = {}
    for path in files("profiler.models").joinpath("catalogue").iterdir():
        if path.name.endswith(".yaml") and path.name != NOT_OPEN:
            for name, preset in load_presets(path.read_text(), path.name).items():
                if name in found:
                    raise InputError(f"{path.name}: {name!r} is in another file of the catalogue too")
                found[name] = preset
    return dict(sorted(found.items(), key=lambda entry: _order(entry[1])))


def _order(preset: Preset) -> tuple[float, str, int]:
    """Return generation, architecture and size: the order in which presets are listed."""
    number = re.match(r"[a-z]*([\d.]+)", preset.name)
    generation = float(number[1]) if number else 2.5  # QwQ and QVQ are of Qwen2.5's generation
    return generation, preset.spec.architecture, preset.spec.parameters


def load_presets(text: str, origin: str) -> dict[str, Preset]:
    """Presets from YAML; an error names the file and the line of the entry at fault."""
    root = facts.document(text, origin, SCHEMA, ("presets",))
    return facts.records(Preset, root, "presets", by="name", make=_preset)


def _preset(entry: Located) -> Preset:
    names = {field.name for field in fields(Backing)}
    spec = facts.record(ModelSpec, entry, {key: value for key, value in entry.value.items() if key not in names})
    backing = facts.record(Backing, entry, {key: value for key, value in entry.value.items() if key in names})
    facts.check_sources(entry, backing.sources, what=repr(spec.name))
    if spec.attention_heads % spec.kv_heads:
        raise entry.error("attention_heads: must be a multiple of kv_heads", "attention_heads")
    if spec.layers % spec.full_every:
        raise entry.error(f"layers: must be whole periods of {spec.full_every}", "layers")
    return Preset(spec, backing)


def find_preset(name: str) -> Preset:
    """Return the preset of a name, whatever its case.

    Raises:
        InputError: No preset has the name; says which is near, or why none can exist.
    """
    preset = _named(name)
    if preset is None:
        raise _unknown(name.lower())
    return preset


def _named(name: str) -> Preset | None:
    """Return the preset of a name or of a hub address, whatever its case."""
    return presets().get(name.lower()) or _by_hub_id().get(name.lower())


@cache
def _by_hub_id() -> dict[str, Preset]:
    return {preset.spec.hub_id.lower(): preset for preset in reversed(presets().values()) if preset.spec.hub_id}


def find_model(name_or_path: str, layers: int | None, seed: int) -> Model:
    """Return the model a user means: a preset by name (synthetic weights), or the folder of a local checkpoint.

    ``layers`` shortens a preset; a checkpoint runs whole.
    """
    preset = _named(name_or_path)
    if preset is not None:
        return synthetic_model(_cut(preset.spec, layers), seed)
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        if layers is not None:
            raise InputError("--layers works on presets only: a checkpoint is run whole")
        return read_checkpoint(folder)
    if folder.is_file():
        refuse_foreign_file(folder)
    if "/" in name_or_path or name_or_path.startswith("."):
        raise InputError(
            f"{name_or_path} is not a folder; give a preset (chipassay models) or the folder of a downloaded checkpoint"
        )
    raise _unknown(name_or_path.lower())


def _unknown(name: str) -> InputError:
    """Return the error for a name that is not in the catalogue: why it cannot be, or the nearest that is."""
    for stem, absent in _not_open().items():
        if name == stem or name.startswith(f"{stem}-"):
            return InputError(f"{name}: {absent.why}")
    near = difflib.get_close_matches(name, presets(), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return InputError(
        f"unknown model {name!r}: {hint}`chipassay models` lists {len(presets())} presets; a model that is not among "
        "them runs from its checkpoint folder"
    )


@cache
def _not_open() -> dict[str, _NotOpen]:
    text = files("profiler.models").joinpath("catalogue", NOT_OPEN).read_text()
    return facts.records(_NotOpen, facts.document(text, NOT_OPEN, SCHEMA, ("not_open",)), "not_open", by="name")


def find_spec(name_or_path: str) -> ModelSpec:
    """Return the dimensions of a preset, or of the checkpoint in a folder, without its weights."""
    preset = _named(name_or_path)
    if preset is not None:
        return preset.spec
    folder = Path(name_or_path).expanduser()
    return read_spec(folder) if folder.is_dir() else find_model(name_or_path, None, 0).spec


def _cut(spec: ModelSpec, layers: int | None) -> ModelSpec:
    if layers is None:
        return spec
    if not 1 <= layers <= spec.layers:
        raise InputError(f"--layers must be 1 to {spec.layers} for {spec.name}, not {layers}")
    if layers % spec.full_every or (spec.ngrams and layers < max(spec.ngrams.layers)):
        raise InputError(
            f"--layers must be a multiple of {spec.full_every} for {spec.name}, not {layers}: its layers repeat in "
            f"periods of {spec.full_every - 1} linear and one attention layer"
        )
    return spec.with_layers(layers)
