"""Generate and score with a decoder on a device: tensors at fixed addresses, work recorded before it is timed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from backends.contract.backend import Trial
from backends.contract.trials import choose, try_all
from backends.torch_device.attention import DecodeAttention, MaskedSdpa, VarlenFlash
from backends.torch_device.decoder import Decoder
from backends.torch_device.paths import LayerPath
from backends.torch_device.recording import record
from backends.torch_device.timeline import make_timeline

CAPACITY_MULTIPLE = 64
"""The cache is rounded up to this many tokens: the masked kernel wants rows that end on a boundary."""

EXTENTS = 4
"""Lengths of the cache that get a recorded step of their own, where the kernel reads all it is given."""

STEPS_IN_TRIAL = 16

Work = Callable[[], torch.Tensor]
"""Recorded work on the device; what it returns are the logits ``[batch, vocab_size]`` it left there."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A way to take one decode step."""

    path: LayerPath
    attend: DecodeAttention


class Runner:
    """The state of generation on the device.

    ``module`` is PyTorch's for the device's type, ``graph`` the name of its graph class, ``paths`` the ways to execute
    a layer, the first of which runs everywhere. A batch is prefilled in groups of rows of about ``prefill_tokens``.
    ``trials`` are the ways tried so far.

    Of the tensors, ``tokens`` int64 ``[batch]`` are the tokens to process next, ``position`` int64 ``[1]`` is where
    they go, and ``output`` int64 ``[batch, capacity]`` has at every position the token that followed it. A step reads
    and moves all three, so that the next one needs nothing from the host.
    """

    def __init__(
        self,
        decoder: Decoder,
        batch: int,
        max_tokens: int,
        *,
        device: str,
        module: Any,
        graph: str,
        paths: Sequence[LayerPath],
        prefill_tokens: int,
    ) -> None:
        self._decoder = decoder
        self._paths = tuple(paths)
        self._module, self._graph, self._device = module, graph, device
        self._batch, self._prefill_tokens = batch, prefill_tokens
        self._capacity = -(-max_tokens // CAPACITY_MULTIPLE) * CAPACITY_MULTIPLE
        decoder.allocate(batch, self._capacity)
        self._tokens = torch.zeros(batch, dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._output = torch.zeros(batch, self._capacity, dtype=torch.int64, device=device)
        self._timeline = make_timeline(module, device)
        self._steps: dict[int, Work] = {}
        self._prefills: dict[int, tuple[torch.Tensor, Work]] = {}
        self.trials: tuple[Trial, ...] = ()
        self._step = self._choose_step()

    @property
    def timed_by(self) -> str:
        """The clock that times tokens."""
        return type(self._timeline).__name__

    def generate(self, prompt_ids: Any, output_tokens: int) -> tuple[list[list[int]], int, tuple[int, ...], int | None]:
        """Greedy tokens ``[batch][output_tokens]``, start, time of every token, and the gap of the clocks (ns)."""
        first = prompt_ids.shape[1]
        with torch.inference_mode():
            prompt, work = self._work_of(first, output_tokens)
            given = torch.from_numpy(prompt_ids)
            self._timeline.start()
            prompt.copy_(given, non_blocking=True)
            for run in work:
                run()
                self._timeline.mark()
            start_ns, token_ns, gap_ns = self._timeline.finish()
            tokens = self._output[:, first - 1 : first - 1 + output_tokens].tolist()
        return tokens, start_ns, token_ns, gap_ns

    def score(self, prompt_ids: Any, forced_ids: Any, positions: list[int]) -> list[Any]:
        """Float32 logits ``[batch, vocab_size]`` (NumPy) of ``positions``, by the work :meth:`generate` replays."""
        wanted, scored = set(positions), []
        with torch.inference_mode():
            prompt, work = self._work_of(prompt_ids.shape[1], max(positions) + 1)
            prompt.copy_(torch.from_numpy(prompt_ids))
            for position, run in enumerate(work):
                logits = run()
                if position in wanted:
                    scored.append(logits.float().cpu().numpy())
                self._tokens.copy_(torch.from_numpy(forced_ids[:, position].copy()))
        return scored

    def _work_of(self, prompt_tokens: int, output_tokens: int) -> tuple[torch.Tensor, list[Work]]:
        """Where the prompt goes, and the work of every output token: recorded before any runs, as it moves state."""
        prompt, prefill = self._prefill_of(prompt_tokens)
        steps = [self._step_at(position) for position in range(prompt_tokens, prompt_tokens + output_tokens - 1)]
        return prompt, [prefill, *steps]

    def _take_step(self, how: _Step, extent: int) -> torch.Tensor:
        stream = self._decoder.step(self._tokens, self._position, extent, how.attend, how.path.step_layer)
        return self._advance(*how.path.logits(self._decoder, stream))

    def _take_prefill(self, path: LayerPath, prompt: torch.Tensor) -> torch.Tensor:
        tokens = prompt.shape[1]
        rows = max(1, self._prefill_tokens // tokens)
        ends = []
        for begin in range(0, self._batch, rows):
            group = slice(begin, min(begin + rows, self._batch))
            ends.append(self._decoder.prefill(prompt[group], group, path.prefill_layer))
        stream = (torch.cat([end[0] for end in ends]), torch.cat([end[1] for end in ends]))
        self._position.fill_(tokens - 1)
        return self._advance(*path.logits(self._decoder, stream))

    def _advance(self, logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        self._output.index_copy_(1, self._position, chosen[:, None])
        self._tokens.copy_(chosen)
        self._position.add_(1)
        return logits

    def _step_at(self, position: int) -> Work:
        """The recorded step for a token at ``position``, recorded now if need be."""
        extent = self._extent(position)
        if extent not in self._steps:
            self._position.zero_()
            self._steps[extent] = self._recorded(lambda: self._take_step(self._step, extent))
        return self._steps[extent]

    def _extent(self, position: int) -> int:
        if not self._step.attend.bounded:
            return self._capacity
        part = -(-self._capacity // EXTENTS // CAPACITY_MULTIPLE) * CAPACITY_MULTIPLE
        return min(self._capacity, (position // part + 1) * part)

    def _prefill_of(self, tokens: int) -> tuple[torch.Tensor, Work]:
        """Where a prompt of so many tokens goes, and the recorded prefill of it by the fastest path."""
        if tokens not in self._prefills:
            prompt = torch.zeros(self._batch, tokens, dtype=torch.int64, device=self._device)
            ready: dict[str, Work] = {}

            def prepare(path: LayerPath) -> Callable[[], float]:
                ready[path.name] = self._recorded(lambda: self._take_prefill(path, prompt))
                return lambda: self._seconds(ready[path.name], 1)

            candidates = {path.name: functools.partial(prepare, path) for path in self._paths}
            way, trials = choose(try_all(f"prefill of {tokens} tokens", candidates))
            self._prefills[tokens] = prompt, ready[way]
            self.trials += trials
        return self._prefills[tokens]

    def _choose_step(self) -> _Step:
        """The fastest way to take a step with the cache full to its end: the attention first, then the path."""
        dtype = self._decoder.final_norm.dtype
        shape = (self._batch, self._capacity, dtype, self._device)
        kinds: list[DecodeAttention] = [MaskedSdpa(*shape)]
        if VarlenFlash.can_run(dtype, self._device):
            kinds.append(VarlenFlash(*shape))
        plain, *others = self._paths
        steps = {f"{plain.name}; {kind.name}": _Step(plain, kind) for kind in kinds}
        tried = self._try_steps(steps)
        attend = steps[choose(tried)[0]].attend
        more = {f"{path.name}; {attend.name}": _Step(path, attend) for path in others}
        way, trials = choose([*tried, *self._try_steps(more)])
        self.trials += trials
        return {**steps, **more}[way]

    def _try_steps(self, steps: dict[str, _Step]) -> list[Trial]:
        return try_all("decode step", {way: functools.partial(self._prepare_step, how) for way, how in steps.items()})

    def _prepare_step(self, how: _Step) -> Callable[[], float]:
        self._position.zero_()
        step = self._recorded(lambda: self._take_step(how, self._capacity))

        def run() -> float:
            self._position.fill_(self._capacity - STEPS_IN_TRIAL)
            return self._seconds(step, STEPS_IN_TRIAL)

        return run

    def _recorded(self, work: Work) -> Work:
        with torch.inference_mode():
            return record(work, self._module, self._graph)

    def _seconds(self, work: Work, times: int) -> float:
        with torch.inference_mode():
            self._timeline.start()
            for _ in range(times):
                work()
            self._timeline.mark()
            start_ns, (end_ns,), _ = self._timeline.finish()
        return (end_ns - start_ns) / 1e9
