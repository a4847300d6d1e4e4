"""A decoder with its weights on the device: made there from the hash, or read from a checkpoint, layer by layer.

A layer is quantised as soon as it is whole, so that the unquantised model never has to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from backends.contract.backend import Progress
from backends.qwen.model import Model, ModelSpec
from backends.qwen.weights import weight_writer
from backends.qwen.weights_digest import WeightsDigest
from backends.torch_device.decoder import Decoder, DecoderLayer
from backends.torch_device.linears import FORMATS, quantise, stored_bytes


def activation_dtype(precision: str) -> torch.dtype:
    """Return the type of activations, norms, embedding and KV cache at ``precision``."""
    dtype: torch.dtype = torch.bfloat16 if precision in FORMATS else getattr(torch, precision)
    return dtype


def build_decoder(model: Model, precision: str, device: str, progress: Progress) -> tuple[Decoder, str]:
    """Return the decoder, and the digest of its values before quantisation (:mod:`backends.qwen.weights_digest`)."""
    spec, dtype = model.spec, activation_dtype(precision)
    with torch.device("meta"):
        # Only CUDA's fused kernel for half precision is known to take fewer key heads than query heads.
        grouped = device.startswith("cuda") and dtype != torch.float32
        decoder = Decoder(spec, grouped_prefill=grouped).to(dtype)
    decoder.requires_grad_(False)
    digest, write = WeightsDigest(), weight_writer(model)
    for number, layer in enumerate(decoder.stack()):
        progress(f"weights, layer {number + 1} of {spec.layers}")
        layer.to_empty(device=device)
        _fill(layer_places(spec, layer, number), write, digest)
        if precision in FORMATS:
            quantise(layer, precision)
    for name in ("embedding", "final_norm"):
        setattr(decoder, name, nn.Parameter(torch.empty_like(getattr(decoder, name), device=device), False))
    if spec.tied_embeddings:
        decoder.head.weight = decoder.embedding
    else:
        decoder.head.to_empty(device=device)
    _fill(end_places(spec, decoder), write, digest)
    if precision in FORMATS:
        quantise(nn.ModuleList([decoder.head]), precision)
    return decoder.eval(), digest.hexdigest()


def step_weight_bytes(decoder: Decoder) -> int:
    """Return the weight bytes that one decode step reads: layers, final norm and head; of the embedding only a row."""
    read = [*decoder.layers.parameters(), decoder.final_norm, *decoder.head.parameters()]
    return sum(stored_bytes(tensor) for tensor in read)


def layer_places(spec: ModelSpec, layer: DecoderLayer, number: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each tensor of a layer: its name in the checkpoint, and the rows of a joined weight that hold it."""
    prefix = f"model.layers.{number}."
    widths = [spec.attention_width, spec.kv_width, spec.kv_width]
    for part, rows in zip("qkv", layer.qkv.weight.split(widths), strict=True):
        yield f"{prefix}self_attn.{part}_proj.weight", rows
    if layer.qkv.bias is not None:
        for part, rows in zip("qkv", layer.qkv.bias.split(widths), strict=True):
            yield f"{prefix}self_attn.{part}_proj.bias", rows
    if layer.q_norm is not None and layer.k_norm is not None:
        yield f"{prefix}self_attn.q_norm.weight", layer.q_norm
        yield f"{prefix}self_attn.k_norm.weight", layer.k_norm
    yield f"{prefix}self_attn.o_proj.weight", layer.o.weight
    for part, rows in zip(("gate", "up"), layer.gate_up.weight.chunk(2), strict=True):
        yield f"{prefix}mlp.{part}_proj.weight", rows
    yield f"{prefix}mlp.down_proj.weight", layer.down.weight
    yield f"{prefix}input_layernorm.weight", layer.input_norm
    yield f"{prefix}post_attention_layernorm.weight", layer.post_norm


def end_places(spec: ModelSpec, decoder: Decoder) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the same for the tensors before and after the layers."""
    yield "model.embed_tokens.weight", decoder.embedding
    yield "model.norm.weight", decoder.final_norm
    if not spec.tied_embeddings:
        yield "lm_head.weight", decoder.head.weight


def _fill(
    places: Iterator[tuple[str, torch.Tensor]], write: Callable[[str, torch.Tensor], None], digest: WeightsDigest
) -> None:
    for name, place in places:
        data = place.detach()
        write(name, data)
        digest.add(name, data)
