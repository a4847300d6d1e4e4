"""Gated DeltaNet with a fast step: projections in one, the convolution as a ring, the state changed where it lies.

transformers' own step makes a dozen copies of the state a token and a convolution of one position. Here the state is
read once, for key and query together: with ``S' = g S + k d``, ``q S' = g (q S) + (q k) d``. A prompt goes through
transformers' chunked rule.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn.functional import rms_norm, sigmoid, silu, softplus

from backends.qwen.mixers import DeltaNet
from backends.qwen.model import ModelSpec

L2_EPSILON = 1e-6
"""Added to the squared length of a query or key, as in transformers."""


class DeltaMixer(nn.Module):
    """Stands in for transformers' module of one layer, on its weights and its place in the cache.

    ``linear`` makes a layer of a weight ``[out, in]``. The cache's convolution states are those of the prompt: steps
    keep the last inputs here.
    """

    def __init__(self, module: Any, spec: ModelSpec, linear: Callable[[torch.Tensor], nn.Module]) -> None:
        super().__init__()
        assert spec.delta is not None
        self._delta, self._number = spec.delta, int(module.layer_idx)
        self._widths = joined_widths(spec.delta)
        self.joined, self.out = linear(joined_weight(module, spec.delta)), linear(module.out_proj.weight.detach())
        self._rate = -module.A_log.detach().float().exp()
        self._bias = module.dt_bias.detach().float()
        self._kernel = module.conv1d.weight.detach()  # [channels, 1, taps]
        # Ring position p holds the newest input: the weights, turned as far.
        taps = self._kernel[:, 0].T.flip(0)  # newest first
        self._turned = [torch.stack([taps[(p - at) % spec.delta.taps] for at in range(spec.delta.taps)])
                        for p in range(spec.delta.taps)]  # fmt: skip
        scale = torch.ones(2, 1, spec.delta.key_dim) / spec.delta.key_dim**0.5
        scale[0] /= spec.delta.key_dim**0.5
        self._scale = scale
        self._norm, self._eps = module.norm.weight.detach(), spec.rms_norm_eps
        self._gate = sigmoid if spec.output_gate == "sigmoid" else silu
        self._chunk_rule = import_module(type(module).__module__).torch_chunk_gated_delta_rule
        self._ring, self._newest = torch.empty(0), 0

    def forward(self, hidden_states: torch.Tensor, cache_params: Any = None, **ignored: Any) -> torch.Tensor:
        """``[batch, tokens, hidden]`` to the same; one token after a prompt is a step."""
        mixed, z, beta, a = self.joined(hidden_states).split(self._widths, dim=-1)
        decay = self._rate * softplus(a.float() + self._bias)
        beta = beta.float().sigmoid()
        state = cache_params.get_recurrent_state(self._number, state_idx=0)
        if hidden_states.shape[1] == 1 and state is not None and cache_params.has_previous_state(self._number, 0):
            out = self._step(mixed[:, 0], decay[:, 0].exp(), beta[:, 0], state)
        else:
            out = self._prompt(mixed, decay, beta, cache_params)
        gate = self._gate(z.view(out.shape).float())
        out = rms_norm(out, out.shape[-1:], self._norm.float(), self._eps) * gate
        done: torch.Tensor = self.out(out.to(hidden_states.dtype).flatten(2))
        return done

    def _prompt(self, mixed: torch.Tensor, decay: torch.Tensor, beta: torch.Tensor, cache: Any) -> torch.Tensor:
        delta, (batch, tokens) = self._delta, mixed.shape[:2]
        channels = mixed.transpose(1, 2)
        state = None
        if cache.has_previous_state(self._number, 0):  # a further turn of a conversation
            before = self._ring.roll(-(self._newest + 1), dims=1).transpose(1, 2)
            padded = torch.cat([before, channels], dim=-1)
            state = cache.get_recurrent_state(self._number, state_idx=0)
        else:
            padded = nn.functional.pad(channels, (delta.taps, 0))
            cache.update_conv_state(channels, self._number, conv_kernel_size=delta.taps)
        self._ring = padded[..., -delta.taps :].transpose(1, 2).contiguous()
        self._newest = delta.taps - 1
        convolved = silu(nn.functional.conv1d(padded[..., 1:], self._kernel, groups=delta.channels)).transpose(1, 2)
        keys = delta.key_heads * delta.key_dim
        query, key, value = convolved.split([keys, keys, delta.value_heads * delta.value_dim], dim=-1)
        heads = (one.reshape(batch, tokens, -1, width) for one, width in
                 ((query, delta.key_dim), (key, delta.key_dim), (value, delta.value_dim)))  # fmt: skip
        out, state = self._chunk_rule(
            *heads, g=decay, beta=beta, initial_state=state, output_final_state=True, use_qk_l2norm_in_kernel=True
        )
        cache.update_recurrent_state(state, self._number)
        return out.float()  # type: ignore[no-any-return]

    def _step(self, mixed: torch.Tensor, decay: torch.Tensor, beta: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """One token; ``state`` ``[batch, value_heads, key_dim, value_dim]`` is changed in place."""
        delta, batch = self._delta, mixed.shape[0]
        self._newest = (self._newest + 1) % delta.taps
        self._ring[:, self._newest] = mixed
        channels = silu((self._ring * self._turned[self._newest]).sum(1)).float()
        keys = 2 * delta.key_heads * delta.key_dim
        pair = channels[:, :keys].view(batch, 2, delta.key_heads, delta.key_dim)
        # By the mean instead of the sum: the factor between them is in the scale.
        pair = rms_norm(pair, (delta.key_dim,), None, L2_EPSILON / delta.key_dim) * self._scale
        if delta.value_heads != delta.key_heads:
            pair = pair.repeat_interleave(delta.value_heads // delta.key_heads, dim=2)
        query, key = pair.unbind(1)
        value = channels[:, keys:].view(batch, delta.value_heads, delta.value_dim)
        decay = decay[..., None]
        asked, read = (torch.matmul(pair.transpose(1, 2), state) * decay[..., None]).unbind(2)
        error = (value - read) * beta[..., None]
        state.mul_(decay[..., None]).addcmul_(key[..., None], error[..., None, :])
        return (asked + (query * key).sum(-1, keepdim=True) * error)[:, None]


def replace_delta_mixers(network: nn.Module, spec: ModelSpec, linear: Callable[[torch.Tensor], nn.Module]) -> None:
    """Put a :class:`DeltaMixer` in the place of every Gated DeltaNet of transformers, releasing its weights."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child).__name__.endswith("GatedDeltaNet"):
                setattr(parent, name, DeltaMixer(child, spec, linear))


def joined_widths(delta: DeltaNet) -> list[int]:
    """Columns of the joined projection: queries, keys and values; the output's gate; write strength; decay."""
    return [delta.channels, delta.value_heads * delta.value_dim, delta.value_heads, delta.value_heads]


def joined_weight(module: Any, delta: DeltaNet) -> torch.Tensor:
    """All projections of the input as one matrix, whichever layout the family stores them in."""
    if not delta.fused:
        return torch.cat([getattr(module, f"in_proj_{part}").weight.detach() for part in ("qkv", "z", "b", "a")])
    group = delta.value_heads // delta.key_heads
    values = group * delta.value_dim
    pieces = []
    for name, widths in (("qkvz", [delta.key_dim, delta.key_dim, values, values]), ("ba", [group, group])):
        weight = getattr(module, f"in_proj_{name}").weight.detach()
        by_head = weight.view(delta.key_heads, -1, weight.shape[-1])
        pieces += [piece.reshape(-1, weight.shape[-1]) for piece in by_head.split(widths, dim=1)]
    return torch.cat(pieces)
