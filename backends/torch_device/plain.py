"""Generation through transformers' own modules on a device, for families that have no decoder here.

Nothing is recorded: the host launches every operator of every step, and the first token waits for it. Tokens are still
timed by the device, which the host never waits for between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from backends.contract.backend import Progress, Trial
from backends.qwen.model import Model
from backends.qwen.torch_model import build_qwen, preallocated_cache
from backends.qwen.weights_digest import WeightsDigest
from backends.torch_device.timeline import make_timeline

WAY = "transformers' modules, not recorded"


class PlainRunner:
    """The same work as :class:`backends.torch_device.runner.Runner` does, operator by operator."""

    trials: tuple[Trial, ...] = ()

    def __init__(
        self, model: Model, precision: str, max_tokens: int, *, device: str, module: Any, progress: Progress
    ) -> None:
        self._network: Any = build_qwen(model, precision, progress, device)
        digest = WeightsDigest()
        for name in model.spec.tensor_shapes():
            digest.add(name, self._network.get_parameter(name))
        self.weights_digest = digest.hexdigest()
        self._device = device
        self._cache = preallocated_cache(model.spec, max_tokens)
        self._timeline = make_timeline(module, device)

    @property
    def timed_by(self) -> str:
        """The clock that times tokens."""
        return type(self._timeline).__name__

    @property
    def experts(self) -> str:
        """How transformers multiplies with experts: ``grouped_mm`` sorts tokens on the device."""
        config = self._network.config.get_text_config()
        return str(getattr(config, "_experts_implementation", None) or "eager")

    def generate(self, prompt_ids: Any, output_tokens: int) -> tuple[list[list[int]], int, tuple[int, ...], int | None]:
        """Greedy tokens ``[batch][output_tokens]``, start, time of every token, and the gap of the clocks (ns)."""
        chosen: list[torch.Tensor] = []

        def choose(logits: torch.Tensor) -> torch.Tensor:
            chosen.append(logits.argmax(-1))
            self._timeline.mark()
            return chosen[-1]

        given = torch.from_numpy(prompt_ids)
        with torch.inference_mode():
            self._timeline.start()
            self._run(given.to(self._device, non_blocking=True), output_tokens, choose)
            start_ns, token_ns, gap_ns = self._timeline.finish()
            return torch.stack(chosen, dim=1).tolist(), start_ns, token_ns, gap_ns

    def score(self, prompt_ids: Any, forced_ids: Any, positions: list[int]) -> list[Any]:
        """Float32 logits ``[batch, vocab_size]`` (NumPy) of ``positions``, teacher-forced."""
        scored: dict[int, Any] = {}
        forced = torch.from_numpy(forced_ids).to(self._device)

        def keep(logits: torch.Tensor) -> torch.Tensor:
            position = len(scored)
            scored[position] = logits.float().cpu().numpy() if position in positions else None
            return forced[:, position]

        with torch.inference_mode():
            self._run(torch.from_numpy(prompt_ids).to(self._device), max(positions) + 1, keep)
        return [scored[position] for position in sorted(positions)]

    def _run(self, step: torch.Tensor, count: int, then: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Take ``count`` steps; ``then`` gets the last token's logits and gives the next tokens, ``[batch]``."""
        for layer in self._cache.layers:
            layer.reset()
        for _ in range(count):
            out = self._network(input_ids=step, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            step = then(out.logits[:, -1])[:, None]
