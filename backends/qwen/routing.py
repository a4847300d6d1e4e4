"""Recorded routing: which experts every token chose in every layer, as a file that another run replays.

Synthetic routers spread tokens almost uniformly, which reads more experts than real text does. A routing that was
recorded on a real checkpoint makes the same dimensions read what that checkpoint reads.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from backends.common.errors import InputError, storage_errors
from backends.qwen.channels import Experts
from backends.qwen.model import Model, ModelSpec, Replayed

if TYPE_CHECKING:
    import numpy as np

SCHEMA = "chipassay.routing/1"

Chosen = dict[str, list[list[list[int]]]]
"""Expert ids by layer: ``[sequence][token][choice]``."""


@dataclass(frozen=True, slots=True)
class RoutedModel:
    """The model whose routing was recorded; its dimensions say which models may replay it."""

    name: str
    architecture: str
    hidden_size: int
    layers: int
    experts: int
    per_token: int


class RoutingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A routing file: the model, and its choices from the first token of the prompt on.

    ``layers`` holds, by the layer's number from 0, the expert ids ``[sequence][token][choice]``.
    """

    schema: str
    model: RoutedModel
    layers: Chosen


def sparse_layers(spec: ModelSpec) -> tuple[int, ...]:
    """Return the numbers of the layers that have experts."""
    return tuple(index for index, layer in enumerate(spec.all_layers()) if isinstance(layer.channel, Experts))


def write_routing(path: Path, spec: ModelSpec, chosen: np.ndarray) -> None:
    """Write the choices ``[sparse layers, sequences, tokens, choices]`` of a run.

    Raises:
        StorageError: The file cannot be written.
    """
    assert spec.experts is not None
    layers = dict(zip(map(str, sparse_layers(spec)), chosen.tolist(), strict=True))
    model = RoutedModel(
        spec.name, spec.architecture, spec.hidden_size, spec.layers, spec.experts.count, spec.experts.per_token
    )
    data = msgspec.json.encode(RoutingFile(schema=SCHEMA, model=model, layers=layers))
    with storage_errors(path.parent, "choose another --record-routing"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + b"\n")


def replaying(model: Model, path: Path, sequences: int, tokens: int) -> Model:
    """Return ``model`` with the routing in ``path``; its digest covers both.

    Args:
        model: A model with experts. One that was cut takes the first layers of the file.
        path: The routing file.
        sequences: How many the run has side by side.
        tokens: How many of each it feeds to the model.

    Raises:
        InputError: The file is damaged, of another model, or too short.
    """
    found = _read(path)
    _check_model(path, found.model, model.spec)
    _check_choices(path, found, model.spec, sequences, tokens)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    both = hashlib.sha256(f"{model.digest} {digest}".encode()).hexdigest()
    return replace(model, digest=both, routing=Replayed(str(path.resolve()), digest, found.model.name))


def load_choices(model: Model) -> dict[int, np.ndarray]:
    """Return the choices of every layer with experts that ``model`` replays, ``[sequence, token, choice]``.

    Raises:
        InputError: The file is not the one that the model was made with.
    """
    import numpy as np

    assert model.routing is not None
    path = Path(model.routing.path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != model.routing.digest:
        raise InputError(f"{path} changed while the run was going on; run it again")
    found = _read(path)
    return {layer: np.asarray(found.layers[str(layer)], dtype=np.int64) for layer in sparse_layers(model.spec)}


def _read(path: Path) -> RoutingFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        schema = json.loads(data).get("schema")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is no routing file: {error}; --record-routing writes one") from error
    if schema != SCHEMA:
        raise InputError(f"{path} is no routing file: its schema is {schema!r}, not {SCHEMA!r}")
    try:
        return msgspec.json.decode(data, type=RoutingFile)
    except msgspec.ValidationError as error:
        raise InputError(f"{path} is a damaged routing file: {error}") from error


def _check_model(path: Path, recorded: RoutedModel, spec: ModelSpec) -> None:
    if spec.experts is None:
        raise InputError(f"{spec.name} has no experts: it cannot replay the routing in {path}")
    own = RoutedModel(
        spec.name, spec.architecture, spec.hidden_size, spec.layers, spec.experts.count, spec.experts.per_token
    )
    if replace(recorded, name="", layers=0) != replace(own, name="", layers=0) or recorded.layers < own.layers:
        raise InputError(
            f"{path} is the routing of another model: {_dimensions(recorded)}, but {_dimensions(own)}; replay it with "
            "the model it was recorded with, or with its preset"
        )


def _dimensions(model: RoutedModel) -> str:
    return (
        f"{model.name} is {model.architecture}, {model.hidden_size} wide, {model.layers} layers, {model.per_token} of "
        f"{model.experts} experts a token"
    )


def _check_choices(path: Path, found: RoutingFile, spec: ModelSpec, sequences: int, tokens: int) -> None:
    import numpy as np

    experts = spec.experts
    assert experts is not None
    for layer in sparse_layers(spec):
        if str(layer) not in found.layers:
            raise InputError(f"{path} lacks the choices of layer {layer}; record it again, whole")
        try:
            chosen = np.asarray(found.layers[str(layer)], dtype=np.int64)
            shape: Any = chosen.shape
        except ValueError:
            shape = ()
        if len(shape) != 3 or shape[2] != experts.per_token:
            raise InputError(f"{path}: layer {layer} is not [sequence][token][{experts.per_token} experts]")
        if shape[0] < sequences or shape[1] < tokens:
            raise InputError(
                f"{path} holds {shape[1]} tokens of {shape[0]} sequences, but the run needs {tokens} of {sequences}; "
                "record a longer run, or ask for fewer tokens or a smaller batch"
            )
        ordered = np.sort(chosen, axis=2)
        if ordered[..., 0].min() < 0 or ordered[..., -1].max() >= experts.count:
            raise InputError(f"{path}: layer {layer} names an expert that is not among 0 to {experts.count - 1}")
        if (ordered[..., 1:] == ordered[..., :-1]).any():
            raise InputError(f"{path}: a token of layer {layer} chooses the same expert twice")
