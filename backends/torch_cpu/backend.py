"""``torch-cpu``: PyTorch on the host's processor, through transformers' Qwen classes and oneDNN's packed weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from backends.contract.backend import (
    Availability,
    Backend,
    EngineFacts,
    Execution,
    ExpertUse,
    Generation,
    Progress,
    host_availability,
)
from backends.contract.workload import Workload
from backends.qwen import greedy
from backends.qwen.families import Architecture
from backends.qwen.images import image_bytes
from backends.qwen.model import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    import torch


class TorchCpu(Backend):
    """Eager PyTorch; linear layers run on weights that oneDNN laid out once."""

    name = "torch-cpu"
    summary = "PyTorch on the CPU (transformers' Qwen classes, oneDNN packed weights)"
    precisions = ("float32", "bfloat16")
    segmented = True
    architectures = get_args(Architecture)
    long_context = True
    replays_routing = True
    abilities = frozenset({"image", "turns", "kept turns"})

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Return whether torch and transformers are installed; the one CPU device has no number."""
        return host_availability(cls.name, device, {"torch": "torch", "transformers": "transformers"})

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Sum weights, a packed copy of a tied output head, KV cache, the largest activations, and the engine."""
        weights = spec.weight_bytes(precision)
        if spec.tied_embeddings:
            weights += spec.embedding_parameters * (4 if precision == "float32" else 2)
        cache = spec.kv_bytes_per_token(precision) * workload.total_tokens * workload.batch
        state = spec.state_bytes(precision) * workload.batch
        width = 3 * spec.channel_width + 4 * spec.hidden_size * (spec.streams.count if spec.streams else 1)
        activations = 4 * workload.batch * workload.prompt_tokens * width
        tower = image_bytes(spec, precision, workload.image, workload.batch) if workload.image else 0
        return weights + cache + state + activations + tower + 600_000_000

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Fill the weights, then pack them; both are in anonymous memory."""
        import torch

        from backends.qwen.torch_images import TowerClock, image_arguments
        from backends.qwen.torch_model import build_qwen
        from backends.torch_cpu.delta_mixer import replace_delta_mixers
        from backends.torch_cpu.norms import fuse_norms
        from backends.torch_cpu.packed_linear import can_pack, linear_of, pack_linears
        from backends.torch_cpu.routing import RoutingCounter

        torch.set_num_threads(execution.threads)
        self._network: Any = build_qwen(
            execution.model, execution.precision, progress, images=execution.image is not None
        )
        packed = can_pack(next(self._network.parameters()).dtype)
        fuse_norms(self._network, execution.model.spec)
        replace_delta_mixers(self._network, execution.model.spec, linear_of(packed))
        if packed:
            progress("packing weights")
            pack_linears(self._network)
        self._spec = execution.model.spec
        self._routing = RoutingCounter(self._network, execution.batch) if self._spec.experts else None
        self._capacity = execution.max_tokens
        self._picture: dict[str, torch.Tensor] = {}
        self._tower = TowerClock(self._network) if execution.image else None
        if execution.image:
            sizes = (execution.batch, execution.prompt_tokens)
            self._picture = image_arguments(execution.model, execution.image, *sizes)
        details = {
            "linear": "oneDNN packed" if packed else "torch.nn.functional.linear",
            "attention": "scaled_dot_product_attention",
            **({"delta": "own step, state changed in place"} if self._spec.delta else {}),
            "threads": torch.get_num_threads(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        }
        return EngineFacts("torch", str(torch.__version__), execution.precision, execution.precision, details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Greedy decoding; a token counts as known when its id has left the tensor."""
        import torch

        with torch.inference_mode():
            self._reset()
            done = greedy.generate(self._prefill, self._logits, torch.from_numpy(prompt_ids), output_tokens)
        return Generation(*done, image_ns=self._tower.taken_ns if self._tower else None)

    def generate_in_segments(
        self, prompt_ids: np.ndarray, output_tokens: int, known: Callable[[int], None]
    ) -> None:  # fmt: skip
        """Decode greedily, and stand still wherever ``known`` does."""
        import torch

        with torch.inference_mode():
            self._reset()
            greedy.generate(self._prefill, self._logits, torch.from_numpy(prompt_ids), output_tokens, known)

    def converse(
        self, prompt_ids: np.ndarray, later_ids: Sequence[np.ndarray], output_tokens: int, *, keep: bool
    ) -> tuple[Generation, ...]:
        """Answer turn after turn; with ``keep`` cache and recurrent states stay, and only new ids are prefilled.

        The last token of an answer is generated but not yet in the cache: the next turn begins with it.
        """
        import numpy as np
        import torch

        if not keep:
            return super().converse(prompt_ids, later_ids, output_tokens, keep=False)
        answers = [self.generate(prompt_ids, output_tokens)]
        with torch.inference_mode():
            for added in later_ids:
                last = np.asarray(answers[-1].token_ids)[:, -1:]
                new = torch.from_numpy(np.concatenate([last, added], axis=1))
                answers.append(Generation(*greedy.generate(self._logits, self._logits, new, output_tokens)))
        return tuple(answers)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Logits at ``positions`` through the same prefill and one-token steps as :meth:`generate`."""
        import torch

        def start(ids: np.ndarray) -> np.ndarray:
            logits: np.ndarray = self._prefill(torch.from_numpy(ids)).float().numpy()
            return logits

        def step(ids: np.ndarray) -> np.ndarray:
            logits: np.ndarray = self._logits(torch.from_numpy(ids)).float().numpy()
            return logits

        with torch.inference_mode():
            self._reset()
            if self._routing:
                self._routing.counting = True
            logits = greedy.score(start, step, prompt_ids, forced_ids, positions)
            if self._routing:
                self._routing.counting = False
        return logits

    def expert_use(self) -> ExpertUse | None:
        """Return what the routers chose on the reference's tokens."""
        return self._routing.use() if self._routing else None

    def _reset(self) -> None:
        """Forget the tokens of the last run; the cache's buffers stay allocated for the next one."""
        from backends.qwen.torch_model import preallocated_cache

        if not hasattr(self, "_cache"):
            self._cache = preallocated_cache(self._spec, self._capacity)
        for layer in self._cache.layers:
            layer.reset()

    def _prefill(self, prompt: torch.Tensor) -> torch.Tensor:
        """Logits after a prompt with its picture."""
        return self._logits(prompt, **self._picture)

    def _logits(self, step: torch.Tensor, **picture: torch.Tensor) -> torch.Tensor:
        """Logits of the last position, ``[batch, vocab_size]``."""
        out = self._network(input_ids=step, past_key_values=self._cache, use_cache=True, logits_to_keep=1, **picture)
        return out.logits[:, -1]
