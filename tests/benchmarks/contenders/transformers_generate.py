"""``transformers``: the ``generate`` that most people run, eager PyTorch without any of our changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from backends.contract.backend import EngineFacts, Execution, Generation, Progress
from tests.benchmarks.contenders.peer import Peer, single_sequence

if TYPE_CHECKING:
    import numpy as np
    import torch


class Clock:
    """A streamer that keeps the time of every token."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """Called with the prompt first, then with each token, already on the host."""
        if self._prompt_seen:
            self.times.append(time.perf_counter_ns())
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is left to flush."""


class TransformersGenerate(Peer):
    """Greedy ``generate``, dynamic cache, PyTorch's attention; on ``cuda`` where the course names a device."""

    name = "transformers"
    summary = "transformers generate (eager PyTorch)"
    precisions = ("float32", "bfloat16")
    requires = (("torch", "torch"), ("transformers", "transformers"))

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Plain transformers, plain linear layers."""
        import torch
        import transformers

        from backends.qwen.torch_model import build_qwen

        torch.set_num_threads(execution.threads)
        self._device = f"cuda:{execution.device}" if execution.device else "cpu"
        self._network: Any = build_qwen(execution.model, execution.precision, progress, self._device)
        details = {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
        return EngineFacts("transformers", transformers.__version__, execution.precision, execution.precision, details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """No end-of-sequence token is set, so all tokens are made."""
        import torch

        clock = Clock()
        start_ns = time.perf_counter_ns()
        prompt = torch.from_numpy(prompt_ids).to(self._device)
        out = self._network.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=output_tokens,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            streamer=clock,
        )
        return single_sequence(out[0, prompt.shape[1] :].tolist(), start_ns, clock.times, output_tokens)
