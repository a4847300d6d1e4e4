"""Writes weights the way each format's own tools do, from their definitions and with none of the project's code.

A writer takes a matrix ``[outputs, inputs]`` and returns the tensors beside each other under one module, and the matrix
that they stand for, in float32.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from safetensors.torch import save_file

from backends.qwen.config import config_dict
from backends.qwen.synthetic import fill

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def stream(values, bits):
    """Pack each row of unsigned integers into int32 words as one long number, the first value lowest."""
    rows = []
    for row in np.asarray(values).tolist():
        number = sum(value << (bits * index) for index, value in enumerate(row))
        words = -(-len(row) * bits // 32)
        rows.append(np.frombuffer(number.to_bytes(4 * words, "little"), dtype=np.int32))
    return np.stack(rows)


def fp8(matrix, block=(128, 128), scale_dtype=torch.float32):
    quantised, truth = torch.empty(matrix.shape, dtype=torch.float8_e4m3fn), torch.empty_like(matrix)
    rows, columns = block or matrix.shape
    grid = [range(0, size, step) for size, step in zip(matrix.shape, (rows, columns), strict=True)]
    scales = torch.empty(len(grid[0]), len(grid[1]), dtype=scale_dtype)
    for i, top in enumerate(grid[0]):
        for j, left in enumerate(grid[1]):
            part = np.s_[top : top + rows, left : left + columns]
            scales[i, j] = matrix[part].abs().max() / 448
            quantised[part] = (matrix[part] / scales[i, j].float()).to(torch.float8_e4m3fn)
            truth[part] = quantised[part].float() * scales[i, j].float()
    return {"weight": quantised, "weight_scale_inv": scales if block else scales.reshape(())}, truth


def _affine(matrix, bits, group):
    """Integers ``[outputs, inputs]``, and scales and zero points ``[outputs, groups]``, from 0 up."""
    high = 2**bits - 1
    count = group.max() + 1
    scales = np.zeros((len(matrix), count), np.float16)
    zeros = np.zeros((len(matrix), count), np.int64)
    values = np.zeros(matrix.shape, np.int64)
    for g in range(count):
        part = matrix[:, group == g].numpy()
        low, top = part.min(1), part.max(1)
        scales[:, g] = np.maximum((top - low) / high, 1e-4)
        zeros[:, g] = np.clip(np.round(-low / scales[:, g]), 0, high)
        values[:, group == g] = np.clip(np.round(part / scales[:, g : g + 1]) + zeros[:, g : g + 1], 0, high)
    truth = np.float32(scales[:, group]) * (values - zeros[:, group]).astype(np.float32)
    return values, scales, zeros, torch.from_numpy(truth)


def gptq(matrix, bits=4, group_size=32, desc_act=False, version=1):
    outputs, inputs = matrix.shape
    group = np.arange(inputs) // (group_size if group_size > 0 else inputs)
    if desc_act:
        group = np.random.default_rng(inputs).permutation(group)
    values, scales, zeros, truth = _affine(matrix, bits, group)
    stored = (zeros - 1) % 2**bits if version == 1 else zeros
    tensors = {
        "qweight": stream(values, bits).T,
        "qzeros": stream(stored.T, bits),
        "scales": scales.T,
        "g_idx": group.astype(np.int32),
    }
    return _torch(tensors) | {"bias": torch.zeros(outputs, dtype=torch.float16)}, truth


def awq(matrix, group_size=32):
    outputs, inputs = matrix.shape
    values, scales, zeros, truth = _affine(matrix, 4, np.arange(inputs) // group_size)

    def pack(table):
        words = np.zeros((len(table), outputs // 8), np.uint32)
        for word in range(outputs // 8):
            for place, output in enumerate(AWQ_ORDER):
                words[:, word] |= (table[:, word * 8 + output] << (4 * place)).astype(np.uint32)
        return words.view(np.int32)

    return _torch({"qweight": pack(values.T), "qzeros": pack(zeros.T), "scales": scales.T}), truth


def packed(matrix, bits=4, group_size=32, symmetric=True):
    """compressed-tensors ``pack-quantized``: signed integers, stored with half the range added."""
    outputs, inputs = matrix.shape
    half = 2 ** (bits - 1)
    if symmetric:
        parts = matrix.numpy().reshape(outputs, -1, group_size)
        scales = (np.abs(parts).max(2) / (half - 0.5)).astype(np.float32)
        signed = np.clip(np.round(parts / scales[..., None]), -half, half - 1).reshape(outputs, inputs)
        truth = torch.from_numpy(np.float32(signed) * scales.repeat(group_size, 1))
        tensors = {"weight_packed": stream((signed + half).astype(np.int64), bits), "weight_scale": scales}
    else:
        values, halves, zeros, truth = _affine(matrix, bits, np.arange(inputs) // group_size)
        tensors = {
            "weight_packed": stream(values, bits),
            "weight_scale": halves,
            "weight_zero_point": stream(zeros.T, bits).T,
        }
    return _torch({**tensors, "weight_shape": np.array([outputs, inputs])}), truth


def int8(matrix):
    """compressed-tensors ``int-quantized``: one scale an output, as a W8A8 checkpoint has."""
    scales = matrix.abs().amax(1, keepdim=True) / 127
    values = torch.round(matrix / scales).to(torch.int8)
    return {"weight": values, "weight_scale": scales}, values.float() * scales


def float8(matrix):
    """compressed-tensors ``float-quantized``: one scale an output, in bfloat16."""
    scales = (matrix.abs().amax(1, keepdim=True) / 448).to(torch.bfloat16)
    values = (matrix / scales.float()).to(torch.float8_e4m3fn)
    return {"weight": values, "weight_scale": scales}, values.float() * scales.float()


def _torch(arrays):
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def plain_tensors(spec):
    """The model's synthetic weights, each expert's matrices under their own names as the hub stores them."""
    found = {}
    for name, shape in spec.tensor_shapes().items():
        tensor = torch.empty(shape)
        fill(tensor, spec, name, 0)
        stem, _, leaf = name.rpartition(".")
        if not stem.endswith("experts"):
            found[name] = tensor
            continue
        for expert, matrix in enumerate(tensor):
            parts = zip(("gate_proj", "up_proj"), matrix.chunk(2), strict=True) if leaf == "gate_up_proj" else (
                ("down_proj", matrix),)  # fmt: skip
            found |= {f"{stem}.{expert}.{part}.weight": half.contiguous() for part, half in parts}
    return found


def write_config(folder, spec, **config):
    (folder / "config.json").write_text(json.dumps({**config_dict(spec), **config}))


def write_pair(folder, spec, writer, settings, ignored=("lm_head",), **config):
    """Write ``folder/stored``, quantised, and ``folder/plain``, the float32 weights that it stands for."""
    stored, truth = {}, {}
    for name, tensor in plain_tensors(spec).items():
        module = name.removesuffix(".weight")
        linear = module.endswith("_proj") and not any(module.startswith(each) for each in ignored)
        if linear and name.endswith(".weight"):
            parts, truth[name] = writer(tensor)
            stored |= {f"{module}.{part}": value for part, value in parts.items()}
            if f"{module}.bias" in spec.tensor_shapes():
                stored.pop(f"{module}.bias", None)
        else:
            stored[name] = truth[name] = tensor
    for kind, tensors, extra in (("stored", stored, {"quantization_config": settings}), ("plain", truth, {})):
        (folder / kind).mkdir(parents=True)
        write_config(folder / kind, spec, **config, **extra)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / kind / "model.safetensors")
    return folder / "stored", folder / "plain"
