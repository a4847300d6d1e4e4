"""A network that runs with a few of its weights in memory: each part is brought when transformers calls it.

Transformers' modules compute as they are. Hooks put the weights of a decoder layer and of the output head in place
before they run. Of an embedding only the rows of the tokens at hand are made, and of experts those that a router has
just chosen. So the arithmetic, bit for bit, is that of the network with all weights in memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from backends.qwen.model import Model
from backends.qwen.residence import Brought, Residence
from backends.qwen.routers import Replay
from backends.qwen.weights import Weights


def streamed_qwen(
    model: Model, device: str = "cpu", keep_bytes: int = 0, weights: Weights | None = None
) -> Any:  # fmt: skip
    """Return transformers' network in float32 that makes its weights while it runs.

    ``keep_bytes`` of weights stay in memory once they are made. Routers choose as ``model.routing`` says, if it is
    given. ``weights`` stand in for the model's own.
    """
    residence = Residence(model, device, keep_bytes, weights, attn_implementation="sdpa")
    network = residence.network
    for number, layer in enumerate(network.get_submodule(f"{model.spec.family.language_prefix}layers")):
        _Layer(residence, number, layer)
    _Head(residence, network.get_submodule("lm_head"))
    for module in network.modules():
        if isinstance(module, nn.Embedding) and module.weight.is_meta:
            _Rows(residence, module)
    for weight in model.spec.language_weights():
        if weight.role == "expert" and weight.name.endswith("gate_up_proj"):
            _Experts(residence, network.get_submodule(weight.name.rpartition(".")[0]))
    if model.routing:
        Replay(network, model)
    return network


class _Layer:
    """Holds a decoder layer's own weights while it runs."""

    def __init__(self, residence: Residence, number: int, layer: nn.Module) -> None:
        self._residence, self._number = residence, number
        self._before: Brought = {}
        layer.register_forward_pre_hook(self._enter)
        layer.register_forward_hook(self._leave)

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        self._before = self._residence.enter(self._number)

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._residence.swap(self._before)


class _Head:
    """Holds the output head while it runs."""

    def __init__(self, residence: Residence, head: Any) -> None:
        self._residence, self._absent = residence, head.weight
        head.register_forward_pre_hook(self._enter)
        head.register_forward_hook(self._leave)

    def _enter(self, head: Any, inputs: Any) -> None:
        if head.weight.is_meta:
            head.weight = self._residence.head(head.weight)
            self._stays = self._residence.keep(4 * head.weight.numel())

    def _leave(self, head: Any, inputs: Any, output: Any) -> None:
        if not self._stays:
            head.weight = self._absent


class _Rows:
    """Makes the rows of an embedding that its input names."""

    def __init__(self, residence: Residence, table: nn.Embedding) -> None:
        self._residence, self._absent = residence, table.weight
        table.register_forward_pre_hook(self._enter)
        table.register_forward_hook(self._leave)

    def _enter(self, table: nn.Embedding, inputs: Any) -> Any:
        distinct, places = inputs[0].unique(return_inverse=True)
        rows = self._residence.weights.gather(self._residence.name(self._absent), distinct.tolist())
        table.weight = nn.Parameter(rows.to(self._residence.device), requires_grad=False)
        return (places, *inputs[1:])

    def _leave(self, table: nn.Embedding, inputs: Any, output: Any) -> None:
        table.weight = self._absent


class _Experts:
    """Makes the experts that a router chose, in tensors of all experts whose other rows are never touched.

    The system gives memory to the rows that are written only.
    """

    _LEAVES = ("gate_up_proj", "down_proj")

    def __init__(self, residence: Residence, experts: Any) -> None:
        self._residence = residence
        self._absent = {leaf: getattr(experts, leaf) for leaf in self._LEAVES}
        self._bytes = 4 * sum(parameter[0].numel() for parameter in self._absent.values())
        self._kept: dict[str, nn.Parameter] = {}
        self._made: set[int] = set()
        experts.register_forward_pre_hook(self._enter, with_kwargs=True)
        experts.register_forward_hook(self._leave)

    def _enter(self, experts: Any, inputs: Any, named: Any) -> None:
        chosen = named["top_k_index"] if "top_k_index" in named else inputs[1]
        count = self._absent["down_proj"].shape[0]
        wanted = {number for number in chosen.unique().tolist() if number < count}
        if self._residence.keep(self._bytes * len(wanted - self._made)):
            self._kept = self._kept or self._empty()
            self._fill(self._kept, wanted - self._made)
            self._made |= wanted
            brought = self._kept
        else:
            brought = self._empty()
            self._fill(brought, wanted)
        for leaf, parameter in brought.items():
            setattr(experts, leaf, parameter)

    def _leave(self, experts: Any, inputs: Any, output: Any) -> None:
        for leaf, parameter in self._absent.items():
            setattr(experts, leaf, parameter)

    def _empty(self) -> dict[str, nn.Parameter]:
        return {
            leaf: nn.Parameter(torch.empty(absent.shape, device=self._residence.device), requires_grad=False)
            for leaf, absent in self._absent.items()
        }

    def _fill(self, places: dict[str, nn.Parameter], experts: set[int]) -> None:
        for leaf, place in places.items():
            name = self._residence.name(self._absent[leaf])
            for number in sorted(experts):
                self._residence.weights.write(name, place.data[number : number + 1], number)
