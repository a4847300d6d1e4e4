"""``onnx-cpu``: the exported graph on ONNX Runtime's CPU execution provider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from backends.contract.backend import (
    Availability,
    Backend,
    EngineFacts,
    Execution,
    Generation,
    Progress,
    host_availability,
)
from backends.contract.workload import Workload
from backends.qwen.families import Architecture
from backends.qwen.model import QUANTISATION_BLOCK, ModelSpec

if TYPE_CHECKING:
    import numpy as np

    from backends.qwen.held import HeldWeights

PROVIDER = "CPUExecutionProvider"

ARITHMETIC = {"float32": "float32", "int8": "int8", "int4": "int8"}
"""What the matrix products are computed in: quantised weights meet activations quantised to int8 (accuracy level 4)."""


class OnnxCpu(Backend):
    """ONNX Runtime; float32, or int8/int4 weights (MatMulNBits) with float32 embedding, norms and cache."""

    name = "onnx-cpu"
    summary = "ONNX Runtime on the CPU (portable export, IO binding)"
    precisions = ("float32", "int8", "int4")
    segmented = True
    architectures = tuple(name for name in get_args(Architecture) if name not in ("qwen3_next", "qwen4_exp"))

    abilities = frozenset({"turns", "kept turns of one sequence"})
    """GroupQueryAttention takes several new tokens on a filled cache for one sequence only (ONNX Runtime 1.32)."""

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Return whether ONNX Runtime and the exporter are installed."""
        packages = {"onnxruntime": "onnxruntime", "onnxruntime_genai": "onnxruntime-genai"}
        return host_availability(cls.name, device, packages)

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Return what the matrix products are computed in."""
        return ARITHMETIC[precision]

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Take the larger of writing the graph a layer at a time and running it."""
        from backends.qwen.footprint import activation_bytes, export_memory_bytes

        head = spec.embedding_parameters * 4 if spec.tied_embeddings and precision == "float32" else 0
        cache = spec.kv_bytes_per_token("float32") * workload.total_tokens * workload.batch
        cache += 2 * spec.state_bytes("float32") * workload.batch
        activations = activation_bytes(spec, workload.batch * workload.prompt_tokens)
        running = spec.weight_bytes(precision) + head + cache + activations + 500_000_000
        return max(export_memory_bytes(spec, precision), running)

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Export the graph unless the cache has it."""
        from backends.onnx_cpu.export import exported_graph

        path, was_cached = exported_graph(execution.model, execution.precision, execution.threads, progress)
        size = sum(file.stat().st_size for file in path.parent.iterdir())
        return {"export": path.parent.name, "export_cached": was_cached, "export_bytes": size}

    @classmethod
    def held_key(cls, execution: Execution) -> str:
        """Return the digest of the export, whose quantised weights can be read back."""
        from backends.onnx_cpu.export import export_key

        return "" if execution.precision == "float32" else export_key(execution.model, execution.precision)

    @classmethod
    def held_weights(cls, execution: Execution, progress: Progress) -> HeldWeights:
        """Return the dequantised blocks of MatMulNBits and QMoE."""
        from backends.onnx_cpu.dequantised import held_weights
        from backends.onnx_cpu.export import exported_graph

        path, _ = exported_graph(execution.model, execution.precision, execution.threads, progress)
        return held_weights(execution.model, execution.precision, path)

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Open a session on the cached export and bring every weight into memory."""
        import onnxruntime

        from backends.onnx_cpu.decoder import OnnxDecoder
        from backends.onnx_cpu.export import exported_graph

        path, _ = exported_graph(execution.model, execution.precision, execution.threads, progress)
        progress("opening the session")
        self._decoder = OnnxDecoder(
            path,
            PROVIDER,
            threads=execution.threads,
            batch=execution.batch,
            capacity=execution.max_tokens,
            head_dim=execution.model.spec.head_dim,
        )
        details: dict[str, Any] = {
            "providers": self._decoder.session.get_providers(),
            "exporter": "onnxruntime-genai model builder",
            "threads": execution.threads,
        }
        if execution.precision != "float32":
            details |= {"weight_format": "MatMulNBits", "block_size": QUANTISATION_BLOCK, "accuracy_level": 4}
        return EngineFacts("onnxruntime", onnxruntime.__version__, ARITHMETIC[execution.precision], "float32", details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Greedy decoding through the shared loop."""
        return Generation(*self._decoder.generate(prompt_ids, output_tokens))

    def converse(
        self, prompt_ids: np.ndarray, later_ids: Sequence[np.ndarray], output_tokens: int, *, keep: bool
    ) -> tuple[Generation, ...]:
        """Answer turn after turn; with ``keep`` the last token of an answer and what is new follow the kept cache."""
        import numpy as np

        from backends.qwen import greedy

        if not keep:
            return super().converse(prompt_ids, later_ids, output_tokens, keep=False)
        answers, step = [self.generate(prompt_ids, output_tokens)], self._decoder.step
        for added in later_ids:
            new = np.concatenate([np.asarray(answers[-1].token_ids)[:, -1:], added], axis=1)
            answers.append(Generation(*greedy.generate(step, step, new, output_tokens)))
        return tuple(answers)

    def generate_in_segments(
        self, prompt_ids: np.ndarray, output_tokens: int, known: Callable[[int], None]
    ) -> None:  # fmt: skip
        """Decode greedily, and stand still wherever ``known`` does."""
        self._decoder.generate(prompt_ids, output_tokens, known)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Teacher-forced logits through the shared loop."""
        return self._decoder.score(prompt_ids, forced_ids, positions)
