"""The two portable graphs of a workload's shape, in the cache: exported, checked on ONNX Runtime, and counted.

Written by the main environment (it has the exporter and PyTorch), read by the vendor's, which has neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from backends.common.cache import cache_root, cached_folder
from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Execution, Progress
from backends.onnx_cann.session import PROVIDER, PlacedNode
from backends.operators import OperatorPlacement
from backends.operators.placement import Evidence, Where

Phase = Literal["prefill", "decode"]

COSTS = "costs.json"
"""Of every node of both graphs: its operator, FLOPs and bytes."""

ERROR_MAX = {"float32": 1e-4, "float16": 0.02}
"""Largest logit error of a graph on ONNX Runtime's CPU, over the largest logit of the float32 reference."""

CHECKED_TOKENS = 3

KIND = "portable"
"""Their folder in the cache."""

_RECIPE = 1


def graphs_key(execution: Execution) -> str:
    """What the graphs depend on, as a digest: the same in both environments, so no version of a package enters it."""
    identity = {
        "model": execution.model.digest,
        "precision": execution.precision,
        "shape": [execution.batch, execution.prompt_tokens, execution.max_tokens],
        "recipe": _RECIPE,
    }
    return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:32]


def portable_graphs(execution: Execution, progress: Progress) -> tuple[Path, bool]:
    """The folder of the graphs, made if the cache does not have it; and whether it did.

    Raises:
        WorkerError: If a graph differs from the float32 reference on ONNX Runtime's CPU: it is not kept.
    """
    if execution.prompt_tokens < 1:
        raise InputError("static graphs need the prompt's length; please report this")

    def build(folder: Path) -> None:
        progress("exporting")
        _export(execution, folder)
        progress("checking the export on ONNX Runtime")
        _check(execution, folder)

    spec = execution.model.spec
    matrices = spec.weight_bytes(execution.precision) * (2 if spec.tied_embeddings else 1)
    return cached_folder(KIND, graphs_key(execution), build, 2 * matrices + 50_000_000)


def prepared_graphs(execution: Execution) -> Path:
    """The folder of the graphs, made before by :func:`portable_graphs`.

    Raises:
        WorkerError: If the cache has lost it.
    """
    folder = (cache_root() / KIND / graphs_key(execution)).resolve()
    if not folder.is_dir():
        raise WorkerError(f"the exported graphs are gone from {folder.parent} since they were made; run it again")
    return folder


def placements(
    folder: Path, placed: Mapping[Phase, Sequence[PlacedNode]], evidence: Evidence, source: str
) -> tuple[OperatorPlacement, ...]:
    """Nodes by phase, operator and place, with the FLOPs and bytes that were counted at export."""
    costs = json.loads((folder / COSTS).read_text())
    found = []
    for phase, nodes in placed.items():
        where: dict[str, Where] = {node.name: "accelerator" if node.provider == PROVIDER else "host" for node in nodes}
        sums: dict[tuple[str, Where], list[float]] = {}
        for name, operator, flops, bytes_moved in costs[phase]:
            row = sums.setdefault((operator, where.get(name, "unknown")), [0, 0.0, 0.0])
            row[0], row[1], row[2] = row[0] + 1, row[1] + flops, row[2] + bytes_moved
        for (operator, place), (count, flops, bytes_moved) in sums.items():
            found.append(OperatorPlacement(phase, operator, int(count), flops, bytes_moved, place, evidence, source))
    return tuple(found)


def _export(execution: Execution, folder: Path) -> None:
    from backends.operators.count import count_graph
    from backends.portable.attention import rotary_tables
    from backends.portable.decoder import TABLES
    from backends.portable.export import Form, GraphTooLargeError, build_graph, save_graph
    from backends.portable.half import to_float16
    from backends.portable.rewrites import apply_rewrites

    room, batch = execution.max_tokens, execution.batch
    costs: dict[str, list[Any]] = {}
    for phase, tokens in (("prefill", execution.prompt_tokens), ("decode", 1)):
        graph = build_graph(execution.model, Form(phase, "whole", tokens, room, batch, "buffer"))  # type: ignore[arg-type]
        apply_rewrites(graph, ["finite_mask"])
        if execution.precision == "float16":
            to_float16(graph)
        width = 2.0 if execution.precision == "float16" else 4.0
        costs[phase] = [[one.name, one.operator, one.flops, one.bytes_moved] for one in count_graph(graph, width)]
        # In one file if it can be: of weights in another file the provider gives CANN the name alone, and CANN fails.
        try:
            save_graph(graph, folder / f"{phase}.onnx")
        except GraphTooLargeError:
            save_graph(graph, folder / f"{phase}.onnx", one_file=False)
    cos, sin = rotary_tables(execution.model.spec, np.arange(room))
    np.savez(folder / TABLES, cos=cos, sin=sin)
    (folder / COSTS).write_text(json.dumps(costs))


def _check(execution: Execution, folder: Path) -> None:
    """A prefill and a few steps against plain transformers in float32, on another prompt."""
    from backends.portable.decoder import Place, PortableDecoder
    from backends.qwen.reference import compute_reference

    spec = execution.model.spec
    prompt = np.arange(execution.batch * execution.prompt_tokens).reshape(execution.batch, -1) * 7919 % spec.vocab_size
    tokens = min(CHECKED_TOKENS, execution.max_tokens - execution.prompt_tokens)
    positions = list(range(tokens))
    reference = compute_reference(
        execution.model, prompt.tolist(), tokens, positions, execution.threads, lambda _: None
    )
    decoder = PortableDecoder(folder, lambda path: _on_cpu(path, execution.threads), Place())
    logits = decoder.score(prompt.astype(np.int64), reference.tokens, positions)
    error = float(np.abs(logits - reference.logits).max() / np.abs(reference.logits).max())
    if not error <= ERROR_MAX[execution.precision]:
        raise WorkerError(
            f"the portable export in {execution.precision} differs from the float32 reference by {error:.2g} of the "
            f"largest logit on ONNX Runtime (at most {ERROR_MAX[execution.precision]:g} is right); please report this"
        )


def _on_cpu(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
