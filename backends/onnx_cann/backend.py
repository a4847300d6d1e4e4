"""The target ``onnx-cann:N``: prepared in the main environment, measured by a worker in that of onnxruntime-cann."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.contract.backend import (
    Availability,
    Backend,
    EngineFacts,
    Execution,
    Generation,
    Progress,
    Trial,
    WorkerCommand,
    WorkerProgram,
)
from backends.contract.workload import Workload
from backends.onnx_cann import cann
from backends.operators import OperatorPlacement
from backends.portable.families import PORTABLE
from backends.qwen.model import ModelSpec
from backends.toolchains import availability_of, environment_of, find_toolchain

if TYPE_CHECKING:
    import numpy as np

    from backends.onnx_cann.graphs import Phase
    from backends.onnx_cann.session import PlacedNode


TOOLCHAIN = "onnxruntime-cann"

ENGINE_BYTES = 2_000_000_000
"""CANN's runtime, kernels and workspaces on the device: an allowance, not measured."""


class OnnxCann(Backend):
    """Portable graphs in float32 or float16, compiled by CANN; the mode that runs, and runs faster, is taken."""

    name = "onnx-cann"
    summary = "ONNX Runtime on Huawei Ascend (CANN provider, portable export, IO binding)"
    precisions = ("float16", "float32")
    default_precision = "float16"
    architectures = PORTABLE

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where the environment is installed, and CANN's libraries and the device's node are here."""
        here = availability_of(find_toolchain(TOOLCHAIN))
        return cann.find_device(device) if here.available else here

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Each graph's own weights (a tied head twice), two sets of caches, the largest activations, and CANN.

        A prefill with experts computes all of them for every token.
        """
        width = 2 if precision == "float16" else 4
        weights = spec.weight_bytes(precision) + (width * spec.embedding_parameters if spec.tied_embeddings else 0)
        cache = 2 * spec.kv_bytes_per_token(precision) * workload.total_tokens * workload.batch
        cache += 2 * spec.state_bytes(precision) * workload.batch
        scores = spec.attention_heads * workload.prompt_tokens
        experts = spec.experts.count * spec.experts.width if spec.experts else 0
        inner = 3 * max(spec.intermediate_size, experts) + 4 * spec.hidden_size + 2 * scores
        return 2 * weights + cache + width * workload.batch * workload.prompt_tokens * inner + ENGINE_BYTES

    @classmethod
    def accelerator(cls, device: str) -> str:
        """``npu:0`` for the target ``onnx-cann:0``, and for ``onnx-cann``."""
        return f"npu:{device or 0}"

    @classmethod
    def unmeasured_ceilings(cls, device: str) -> str:
        """PyTorch measures them, if this environment has its extension for Ascend."""
        from backends.torch_device.discovery import find_device
        from backends.torch_device.kinds import KINDS

        found = find_device(KINDS["npu"], device)
        return f"{found.reason}; {found.remedy}" if isinstance(found, Availability) else ""

    @classmethod
    def worker(cls, device: str, program: WorkerProgram) -> WorkerCommand:
        """Return the command for the environment of onnxruntime-cann, with CANN's libraries in reach."""
        command = environment_of(find_toolchain(TOOLCHAIN)).worker_command(program)
        path = cann.library_path()
        return replace(command, variables=command.variables | ({"LD_LIBRARY_PATH": path} if path else {}))

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Export and check the graphs unless the cache has them."""
        from backends.onnx_cann.graphs import portable_graphs

        folder, was_cached = portable_graphs(execution, progress)
        size = sum(file.stat().st_size for file in folder.iterdir())
        return {"export": folder.name, "export_cached": was_cached, "export_bytes": size}

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Open the graphs in the mode that runs fastest; a session that is not on the Ascend is an error."""
        import onnxruntime

        from backends.onnx_cann.graphs import prepared_graphs
        from backends.onnx_cann.modes import fastest
        from backends.onnx_cann.session import KEPT_TYPES

        self._folder = prepared_graphs(execution)
        progress("compiling the graphs")
        # Opening and the first run look in the current folder for libraries, and for compiled graphs by a name that
        # does not depend on the weights.
        with tempfile.TemporaryDirectory(prefix="chipassay-onnx-cann-") as empty, contextlib.chdir(empty):
            self._decoder, self._trials = fastest(self._folder, int(execution.device or 0), execution.threads)
        mode = next(trial.way for trial in self._trials if trial.chosen)
        details: dict[str, Any] = {
            "mode": mode,
            "precision_mode": KEPT_TYPES,
            "providers": self._decoder.decode.get_providers(),
            "exporter": "chipassay's portable export, cache in two sets of buffers",
            "threads": execution.threads,
        }
        version = str(onnxruntime.__version__)
        return EngineFacts("onnxruntime-cann", version, execution.precision, execution.precision, details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Greedy decoding; the host waits for the logits of every step."""
        return Generation(*self._decoder.generate(prompt_ids, output_tokens))

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Teacher-forced logits by the same graphs."""
        return self._decoder.score(prompt_ids, forced_ids, positions)

    def trials(self) -> tuple[Trial, ...]:
        """The modes of the provider that were tried."""
        return self._trials

    def operators(self) -> tuple[OperatorPlacement, ...]:
        """Where each node went, read from the sessions that ran."""
        from backends.onnx_cann.graphs import placements
        from backends.onnx_cann.session import placed_nodes

        placed: dict[Phase, Sequence[PlacedNode]] = {
            "prefill": placed_nodes(self._decoder.prefill),
            "decode": placed_nodes(self._decoder.decode),
        }
        return placements(self._folder, placed, "executed", "node placement of the session that was measured")
