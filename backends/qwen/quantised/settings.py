"""Which quantised format a checkpoint is in: its settings lie in ``config.json`` or in a file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.common.errors import InputError
from backends.qwen.quantised.awq import Awq
from backends.qwen.quantised.compressed import Compressed
from backends.qwen.quantised.form import Form, NotRead
from backends.qwen.quantised.fp8 import Fp8
from backends.qwen.quantised.gptq import Gptq

FORMS: tuple[type[Form], ...] = (Fp8, Gptq, Awq, Compressed)
"""Every format that is read; to add one, add its class."""

_BESIDE = {"quantize_config.json": "gptq", "quant_config.json": "awq", "hf_quant_config.json": "modelopt"}
"""Files that hold the settings of checkpoints from before ``config.json`` did, and what they mean by themselves."""


def form_of(folder: Path, config: dict[str, Any]) -> Form | None:
    """Return the format that ``folder`` is stored in; None if its weights are plain floats.

    Raises:
        InputError: The weights are quantised in a way that is not read; the message names it.
    """
    settings = _settings(folder, config)
    if settings is None:
        return None
    kind = _kind(settings)
    made = next((form for form in FORMS if kind.lower() in form.kinds), None)
    if made is None:
        raise _unread(folder, kind + _size(settings))
    try:
        return made(settings)  # type: ignore[call-arg]
    except NotRead as error:
        raise _unread(folder, str(error)) from error
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise InputError(f"{folder}: the quantisation settings of {kind} are malformed: {error!r}; restore config.json"
                         ) from error  # fmt: skip


def _settings(folder: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    for place in (config, config.get("text_config") or {}):
        for key in ("quantization_config", "compression_config", "quantization"):
            if found := place.get(key):
                if not isinstance(found, dict):
                    raise InputError(f"{folder / 'config.json'}: {key} is no mapping; restore the checkpoint's own")
                return found
    if isinstance(word := config.get("quantize"), str):
        return {"quant_method": f"Ascend {word.upper()}, by msmodelslim"}
    for name, kind in _BESIDE.items():
        if (folder / name).is_file():
            return {"quant_method": kind, **_json(folder / name)}
    return None


def _kind(settings: dict[str, Any]) -> str:
    if method := settings.get("quant_method"):
        return str(method)
    if {"bits", "group_size"} <= settings.keys():
        return "MLX"
    if "config_groups" in settings or "format" in settings:
        return "compressed-tensors"
    return "an unnamed method"


def _size(settings: dict[str, Any]) -> str:
    bits = settings.get("bits") or settings.get("num_bits") or (
        4 if settings.get("load_in_4bit") else 8 if settings.get("load_in_8bit") else None
    )  # fmt: skip
    return f", {bits} bits" if bits else ""


def _unread(folder: Path, what: str) -> InputError:
    return InputError(
        f"{folder}: the checkpoint is already quantised ({what}), and that format is not read here; name the original "
        "one and ask for @int8 or @int4"
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    return found if isinstance(found, dict) else {}
