"""A decoder loop over an ONNX Runtime session: any execution provider, IO binding, the KV cache bound once and reused.

The graph is the one ``onnxruntime-genai``'s builder writes: ``past_key_values.N.key`` and ``present.N.key`` of every
layer are bound to the *same* buffer of full capacity, so GroupQueryAttention writes one row in place and copies
nothing; logits are those of the last token only. Convolution and recurrent states of Gated DeltaNet (``past.N.conv``,
``past.N.recurrent``) have a fixed size and two buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from backends.qwen import greedy
from backends.qwen.greedy import Generated


class OnnxDecoder:
    """One session with its cache. ``capacity`` is in tokens per sequence."""

    def __init__(self, graph: Path, provider: str, *, threads: int, batch: int, capacity: int, head_dim: int) -> None:
        options = onnxruntime.SessionOptions()
        # Left at its default, ONNX Runtime counts the host's threads and was 1.7 times slower on a two-core machine.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin after a run took a third of the read bandwidth from the probe that measures the ceiling.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=[provider])
        self._batch = batch
        self._position_rank = next((len(n.shape) for n in self.session.get_inputs() if n.name == "position_ids"), 0)
        self._states = self._allocate_states(batch)
        # A state cannot be written where it is read: steps alternate between two bindings that swap its buffers.
        self._bindings = [self.session.io_binding() for _ in range(2 if self._states else 1)]
        self._caches = self._bind_cache(batch, capacity, head_dim)
        vocabulary = next(node.shape[-1] for node in self.session.get_outputs() if node.name == "logits")
        self._logits = _zeros((batch, 1, vocabulary))
        for turn, binding in enumerate(self._bindings):
            binding.bind_ortvalue_output("logits", self._logits)
            for name, buffers in self._states.items():
                binding.bind_ortvalue_input(name, buffers[turn])
                binding.bind_ortvalue_output(name.replace("past.", "present."), buffers[1 - turn])
        self._mask = np.ones((batch, capacity), np.int64)
        self._length = self._steps = 0

    def _allocate_states(self, batch: int) -> dict[str, tuple[Any, Any]]:
        """Allocate two buffers for each state that a step reads and writes whole, by the name of its input."""
        states = (node for node in self.session.get_inputs() if node.name.startswith("past."))
        return {node.name: (_zeros((batch, *node.shape[1:])), _zeros((batch, *node.shape[1:]))) for node in states}

    def _bind_cache(self, batch: int, capacity: int, head_dim: int) -> list[Any]:
        """Allocate one buffer per layer and kind, and bind it as both past and present."""
        caches = []
        for node in self.session.get_inputs():
            if not node.name.startswith("past_key_values."):
                continue
            value = _zeros((batch, node.shape[1], capacity, head_dim))
            for binding in self._bindings:
                binding.bind_ortvalue_input(node.name, value)
                binding.bind_ortvalue_output(node.name.replace("past_key_values.", "present."), value)
            caches.append(value)
        return caches

    def start(self, prompt_ids: np.ndarray) -> np.ndarray:
        """Forget every token and run the prompt; logits as :meth:`step` gives them."""
        self._length = self._steps = 0
        for first, _ in self._states.values():
            first.update_inplace(np.zeros(first.shape(), np.float32))
        return self.step(prompt_ids)

    def step(self, token_ids: np.ndarray) -> np.ndarray:
        """Run int64 ``[batch, n]`` new tokens; return float32 logits of the last one, ``[batch, vocab_size]``.

        The array is a view of the output buffer: the next step overwrites it.
        """
        self._length += token_ids.shape[1]
        binding = self._bindings[self._steps % len(self._bindings)]
        self._steps += 1
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(token_ids))
        binding.bind_cpu_input("attention_mask", np.ascontiguousarray(self._mask[:, : self._length]))
        if self._position_rank:
            # Of rank 3 the first dimension is time, height and width: for text all three are the same.
            positions = np.arange(self._length - token_ids.shape[1], self._length)
            shape = (*[3] * (self._position_rank - 2), self._batch, positions.size)
            binding.bind_cpu_input("position_ids", np.ascontiguousarray(np.broadcast_to(positions, shape)))
        self.session.run_with_iobinding(binding)
        return self._logits.numpy()[:, 0]

    def generate(
        self, prompt_ids: np.ndarray, output_tokens: int, known: Callable[[int], None] = lambda _: None
    ) -> Generated:  # fmt: skip
        """Decode greedily; see :func:`backends.qwen.greedy.generate`."""
        return greedy.generate(self.start, self.step, prompt_ids, output_tokens, known)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Return teacher-forced logits at ``positions``: float32 ``[batch, len(positions), vocab_size]``."""
        return greedy.score(self.start, self.step, prompt_ids, forced_ids, positions)


def _zeros(shape: tuple[int, ...]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
