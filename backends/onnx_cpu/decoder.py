"""A decoder loop over an ONNX Runtime session: any execution provider, IO binding, the KV cache bound once and reused.

The graph is the one ``onnxruntime-genai``'s builder writes: ``past_key_values.N.key`` and ``present.N.key`` of every
layer are bound to the *same* buffer of full capacity, so GroupQueryAttention writes one row in place and copies
nothing; logits are those of the last token only.
"""

from __future__ import annotations

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
        self._inputs = {node.name for node in self.session.get_inputs()}
        self._binding = self.session.io_binding()
        self._caches = self._bind_cache(batch, capacity, head_dim)
        vocabulary = next(node.shape[-1] for node in self.session.get_outputs() if node.name == "logits")
        self._logits = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((batch, 1, vocabulary), np.float32))
        self._binding.bind_ortvalue_output("logits", self._logits)
        self._mask = np.ones((batch, capacity), np.int64)
        self._length = 0

    def _bind_cache(self, batch: int, capacity: int, head_dim: int) -> list[Any]:
        """Allocate one buffer per layer and kind, and bind it as both past and present."""
        caches = []
        for node in self.session.get_inputs():
            if not node.name.startswith("past_key_values."):
                continue
            buffer = np.zeros((batch, node.shape[1], capacity, head_dim), np.float32)
            value = onnxruntime.OrtValue.ortvalue_from_numpy(buffer)
            self._binding.bind_ortvalue_input(node.name, value)
            self._binding.bind_ortvalue_output(node.name.replace("past_key_values.", "present."), value)
            caches.append(value)
        return caches

    def start(self, prompt_ids: np.ndarray) -> np.ndarray:
        """Forget every token and run the prompt; logits as :meth:`step` gives them."""
        self._length = 0
        return self.step(prompt_ids)

    def step(self, token_ids: np.ndarray) -> np.ndarray:
        """Run int64 ``[batch, n]`` new tokens; return float32 logits of the last one, ``[batch, vocab_size]``.

        The array is a view of the output buffer: the next step overwrites it.
        """
        self._length += token_ids.shape[1]
        self._binding.bind_cpu_input("input_ids", np.ascontiguousarray(token_ids))
        self._binding.bind_cpu_input("attention_mask", np.ascontiguousarray(self._mask[:, : self._length]))
        if "position_ids" in self._inputs:
            positions = np.arange(self._length - token_ids.shape[1], self._length)
            self._binding.bind_cpu_input("position_ids", np.repeat(positions[None], self._batch, axis=0))
        self.session.run_with_iobinding(self._binding)
        return self._logits.numpy()[:, 0]

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generated:
        """Decode greedily; see :func:`backends.qwen.greedy.generate`."""
        return greedy.generate(self.start, self.step, prompt_ids, output_tokens)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Return teacher-forced logits at ``positions``: float32 ``[batch, len(positions), vocab_size]``."""
        return greedy.score(self.start, self.step, prompt_ids, forced_ids, positions)
