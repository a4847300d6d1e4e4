"""The Qwen presets: ``models.yaml``, validated when loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from backends.common import facts
from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located
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
    """The parameter counts that the model's authors state, in billions, as printed."""

    parameters_b: float
    non_embedding_parameters_b: float


@dataclass(frozen=True, slots=True)
class Preset:
    """One entry of the catalogue."""

    spec: ModelSpec
    published: Published
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class _Backing:
    published: Published
    sources: tuple[Source, ...]


@cache
def presets() -> dict[str, Preset]:
    """Return every preset by its name, in the order of the file."""
    path = files("profiler.models").joinpath("models.yaml")
    return load_presets(path.read_text(), "models.yaml")


def load_presets(text: str, origin: str) -> dict[str, Preset]:
    """Presets from YAML; an error names the file and the line of the entry at fault."""
    root = facts.document(text, origin, SCHEMA, ("presets",))
    return facts.records(Preset, root, "presets", by="name", make=_preset)


def _preset(entry: Located) -> Preset:
    backing = {key: value for key, value in entry.value.items() if key in ("published", "sources")}
    spec = facts.record(ModelSpec, entry, {key: value for key, value in entry.value.items() if key not in backing})
    backed = facts.record(_Backing, entry, backing)
    facts.check_sources(entry, backed.sources, what=repr(spec.name))
    if spec.attention_heads % spec.kv_heads:
        raise entry.error("attention_heads: must be a multiple of kv_heads", "attention_heads")
    return Preset(spec, backed.published, backed.sources)


def find_model(name_or_path: str, layers: int | None, seed: int) -> Model:
    """Return the model a user means: a preset by name (synthetic weights), or the folder of a local checkpoint.

    ``layers`` shortens a preset; a checkpoint runs whole.
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
            f"{name_or_path} is not a folder; give a preset (chipassay models) or the folder of a downloaded checkpoint"
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
