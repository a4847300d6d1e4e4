"""A decoder loop over two portable graphs on ONNX Runtime, any execution provider: prefill, and one step after another.

The graphs have static shapes and output the whole KV cache and every state. Both stay where the provider computes:
bound once, in two sets of buffers that a step reads and writes in turn, since no provider promises that one buffer may
be both. The host sees token ids and logits only. NumPy and ONNX Runtime are all it needs, so it runs in a vendor's
environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from backends.qwen import greedy
from backends.qwen.greedy import Generated

PREFILL, DECODE, TABLES = "prefill.onnx", "decode.onnx", "tables.npz"
"""Files of a folder of graphs; the tables are the rotary ``cos`` and ``sin``, ``[1, 1, capacity, width]``."""

MASKED = -1e4
"""Added to the score of a position that must not be attended to: far below any score, and within float16."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider keeps tensors, as ONNX Runtime calls it: ``cpu``, or ``cann`` with a device's number."""

    device: str = "cpu"
    number: int = 0


class PortableDecoder:
    """Two sessions and their cache of ``capacity`` tokens a sequence. Prompts have the prefill graph's very length."""

    def __init__(self, folder: Path, open_session: Callable[[Path], Any], place: Place) -> None:
        self.prefill, self.decode = open_session(folder / PREFILL), open_session(folder / DECODE)
        self._place = place
        inputs = {node.name: node for node in self.decode.get_inputs()}
        cache = {name: node for name, node in inputs.items() if name.startswith("past.")}
        self._half = inputs["mask"].type == "tensor(float16)"
        self.capacity = int(inputs["mask"].shape[-1])
        self._prompt_tokens = int(self.prefill.get_inputs()[0].shape[1])
        with np.load(folder / TABLES) as tables:
            self._cos, self._sin = (tables[name].astype(self._kind) for name in ("cos", "sin"))
        vocabulary = next(node.shape for node in self.decode.get_outputs() if node.name == "logits")
        self._logits = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(vocabulary, np.float32))
        # Kept: on the processor a binding does not own the memory of the array that a value was made from.
        self._sets = sets = [{name: self._buffer(node) for name, node in cache.items()} for _ in range(2)]
        self._first = self._bind(self.prefill, {}, sets[0])
        self._steps = [self._bind(self.decode, sets[0], sets[1]), self._bind(self.decode, sets[1], sets[0])]
        self._mask = np.empty((1, 1, 1, self.capacity), self._kind)
        self._length = 0

    @property
    def _kind(self) -> type[np.floating[Any]]:
        return np.float16 if self._half else np.float32

    def _buffer(self, node: Any) -> Any:
        # From an array: onnxruntime-cann 1.24.4 refuses to make one on its device from a shape.
        zeros = np.zeros(node.shape, np.float16 if node.type == "tensor(float16)" else np.float32)
        return onnxruntime.OrtValue.ortvalue_from_numpy(zeros, self._place.device, self._place.number)

    def _bind(self, session: Any, past: dict[str, Any], present: dict[str, Any]) -> Any:
        binding = session.io_binding()
        for name, buffer in past.items():
            binding.bind_ortvalue_input(name, buffer)
        for name, buffer in present.items():
            binding.bind_ortvalue_output(name.replace("past.", "present."), buffer)
        binding.bind_ortvalue_output("logits", self._logits)
        return binding

    def start(self, prompt_ids: np.ndarray) -> np.ndarray:
        """Prefill int64 ``[batch, prompt_tokens]``; return float32 logits of the last token, ``[batch, vocab_size]``.

        The array is a view of the output buffer: the next run overwrites it.
        """
        if prompt_ids.shape[1] != self._prompt_tokens:
            raise ValueError(f"the graph takes prompts of {self._prompt_tokens} tokens, not {prompt_ids.shape[1]}")
        self._length = self._prompt_tokens
        self._mask.fill(MASKED)
        self._mask[..., : self._length] = 0
        return self._run(self.prefill, self._first, {"input_ids": prompt_ids})

    def step(self, token_ids: np.ndarray) -> np.ndarray:
        """Decode one step with int64 ``[batch, 1]``; return logits as :meth:`start` does."""
        at = self._length
        if at >= self.capacity:
            raise ValueError(f"the cache is full: {self.capacity} tokens")
        self._mask[..., at] = 0
        binding = self._steps[(at - self._prompt_tokens) % 2]
        self._length += 1
        inputs = {
            "input_ids": token_ids,
            "cos": self._cos[:, :, at : at + 1],
            "sin": self._sin[:, :, at : at + 1],
            "mask": self._mask,
            "slot": (np.arange(self.capacity) == at)[None, None, :, None],
        }
        return self._run(self.decode, binding, inputs)

    def _run(self, session: Any, binding: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
        held = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        for name, array in held.items():
            binding.bind_cpu_input(name, array)
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        logits: np.ndarray = self._logits.numpy()
        return logits[:, 0]

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generated:
        """Decode greedily; see :func:`backends.qwen.greedy.generate`."""
        return greedy.generate(self.start, self.step, prompt_ids, output_tokens)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Return teacher-forced logits at ``positions``: float32 ``[batch, len(positions), vocab_size]``."""
        return greedy.score(self.start, self.step, prompt_ids, forced_ids, positions)
