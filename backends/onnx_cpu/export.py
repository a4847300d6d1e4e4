"""Qwen as an ONNX graph, by the model builder of ``onnxruntime-genai``, cached by content digest.

The builder was chosen over ``transformers.exporters.OnnxExporter``: both graphs run equally fast, but the latter's
rewriting passes grow with the node count (200 s against 20 s for the 28 layers of Qwen3-0.6B on two cores).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from backends.common.cache import cached_folder
from backends.contract.backend import Progress
from backends.onnx_cpu.builders import builder_class
from backends.qwen.model import Model

GRAPH = "model.onnx"

INT8_ACTIVATIONS = 4
"""``accuracy_level`` of MatMulNBits: activations are quantised to int8 per block, so products run on int8 dot units."""

_RECIPE = 2
_BUILDER_PRECISION = {"float32": "FLOAT", "int8": "INT8", "int4": "INT4"}


def export_key(model: Model, precision: str) -> str:
    """Return a digest of what an export depends on: model, precision, recipe and package versions."""
    packages = ("onnxruntime-genai", "onnxruntime", "onnx-ir", "transformers")
    identity = {
        "model": model.digest,
        "precision": precision,
        "recipe": _RECIPE,
        "packages": {package: version(package) for package in packages},
    }
    return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:32]


def export_bytes(model: Model, precision: str) -> int:
    """Return the size of an export on disk: a tied output head is stored twice, once laid out for its product."""
    spec = model.spec
    tied = spec.embedding_parameters * 4 if spec.tied_embeddings and precision == "float32" else 0
    return int(1.02 * (spec.weight_bytes(precision) + tied)) + 50_000_000


def exported_graph(model: Model, precision: str, threads: int, progress: Progress) -> tuple[Path, bool]:
    """Return the path of the graph, exported if it is not cached, and whether it was cached."""

    def build(folder: Path) -> None:
        _export(model, precision, threads, folder, progress)

    folder, was_cached = cached_folder("onnx", export_key(model, precision), build, export_bytes(model, precision))
    return folder / GRAPH, was_cached


def _export(model: Model, precision: str, threads: int, folder: Path, progress: Progress) -> None:
    import torch

    from backends.onnx_cpu.external_data import ExternalData
    from backends.onnx_cpu.streaming import streaming_class
    from backends.qwen.residence import Residence

    torch.set_num_threads(threads)
    residence = Residence(model)
    # The builder prints and draws a progress bar; nobody reads either.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        builder = make_builder(residence.network.config, precision, folder, streaming_class)
        builder.residence, builder.data = residence, ExternalData(folder, f"{GRAPH}.data")
        builder.threads, builder.progress = threads, progress
        builder.make_model("")
        builder.save_model(str(folder))


def make_builder(whole: Any, precision: str, folder: Path, derive: Callable[[Any], Any]) -> Any:
    """Return a builder for transformers' configuration ``whole``: what ``derive`` makes of the builder's class."""
    import onnx_ir

    architectures = whole.architectures
    config = getattr(whole, "text_config", whole)
    config.architectures, config._name_or_path = architectures, ""
    if whole.model_type.startswith("qwen3_5") and "mrope_section" not in config.rope_parameters:
        # The builder writes rotary sections only; a text token's three positions are equal, so any section is right.
        config.rope_parameters = {
            **config.rope_parameters,
            "mrope_section": _sections(config),
            "mrope_interleaved": True,
        }
    options: dict[str, Any] = {"prune_lm_head": True}
    if precision != "float32":
        options["accuracy_level"] = INT8_ACTIVATIONS
        if getattr(config, "num_experts", 0):
            # A router in four bits chooses other experts.
            gates = ("moe/router", "shared_expert_gate")
            layers = range(config.num_hidden_layers)
            options["nodes_to_exclude"] = [f"/model/layers.{n}/{gate}/MatMul" for n in layers for gate in gates]
    kind = getattr(onnx_ir.DataType, _BUILDER_PRECISION[precision])
    family = derive(builder_class(whole.model_type))
    return family(config, onnx_ir.DataType.FLOAT, kind, "cpu", str(folder / "scratch"), options)


def _sections(config: Any) -> list[int]:
    """Return rotary sections of time, height and width that fill the rotated half of a head."""
    half = int(config.head_dim * config.rope_parameters["partial_rotary_factor"]) // 2
    return [half - 2 * (half // 3), half // 3, half // 3]
