"""The operator placements that run bundles recorded for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backends.common.errors import InputError
from backends.operators.matrix import Recorded
from backends.qwen.model import ModelSpec
from profiler.records.bundle import read_bundle


def read_recorded(bundles: Sequence[Path], spec: ModelSpec | None) -> tuple[ModelSpec | None, list[Recorded]]:
    """Return the model and every placement that the bundles hold for it; without ``spec``, the first bundle's model.

    Raises:
        InputError: If a bundle is a run of another model or records no operators.
    """
    found: list[Recorded] = []
    for path in bundles:
        bundle = read_bundle(path)
        ran = bundle.index.model.spec
        spec = spec or ran
        if not _alike(spec, ran):
            raise InputError(f"{path} is a run of {ran.name}, not of {spec.name}: leave it out, or ask for its model")
        records = [record for record in bundle.targets if record.operators]
        if not records:
            raise InputError(
                f"{path} records no operators: only targets of vendors' toolchains do; leave it out, or profile one"
            )
        found += [
            Recorded(record.id, record.backend, record.device, record.precision, path.name, record.operators)
            for record in records
        ]
    return spec, found


def _alike(spec: ModelSpec, other: ModelSpec) -> bool:
    """Return whether two models are made of the same layers, however many."""
    return replace(other, layers=spec.layers, name=spec.name, hub_id=spec.hub_id) == spec
