"""Pictures for the vision towers: drawn, sized and normalised as the checkpoints' own image processors do it.

A picture is integer arithmetic over its coordinates, so every machine draws the same. It is drawn at the size that the
processor would scale it to: no resampling stands between the picture and the tower.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.model import Model, ModelSpec
from backends.qwen.vision import CHANNELS, Tower, Vision

if TYPE_CHECKING:
    import numpy as np

MOST_ASPECT = 200
"""Processors refuse a picture whose sides differ by more."""

_RESCALE = 0.00392156862745098
"""1/255, as ``preprocessor_config.json`` prints it."""


@dataclass(frozen=True, slots=True)
class Image:
    """The picture in a prompt: ``height`` x ``width`` pixels, as the tower sees it, drawn by chipassay.

    Its ``tokens`` stand in every prompt from position ``start`` on. Each sequence has a picture of the same size.
    ``sha256`` is that of the normalised pixel values of all of them, float32, in the order of the patches.
    """

    height: int
    width: int
    start: int
    tokens: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Processor:
    """How pictures are prepared: between ``min_pixels`` and ``max_pixels`` large, each channel normalised."""

    min_pixels: int
    max_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

PROCESSORS: dict[Tower, Processor] = {
    "qwen2_vl": Processor(3_136, 12_845_056, *_CLIP),
    "qwen2_5_vl": Processor(3_136, 12_845_056, *_CLIP),
    "qwen2_5_omni": Processor(3_136, 12_845_056, *_CLIP),
    "qwen3_vl": Processor(65_536, 16_777_216, *_HALF),
    "qwen3_omni": Processor(3_136, 12_845_056, *_HALF),
}
"""``preprocessor_config.json`` of the checkpoints with each tower (Qwen2.5-VL-7B, Qwen3-VL-8B, Qwen3.5-2B, Omni)."""


def processor_of(model: Model) -> Processor:
    """Return the processor of the model's tower, with what ``preprocessor_config.json`` of a checkpoint changes."""
    tower = model.spec.family.tower
    assert tower is not None
    usual = PROCESSORS[tower]
    path = Path(model.checkpoint) / "preprocessor_config.json" if model.checkpoint else None
    if path is None or not path.is_file():
        return usual
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        size: dict[str, Any] = config.get("size") or {}
        return Processor(
            int(config.get("min_pixels") or size.get("shortest_edge") or usual.min_pixels),
            int(config.get("max_pixels") or size.get("longest_edge") or usual.max_pixels),
            tuple(float(value) for value in config.get("image_mean") or usual.mean),
            tuple(float(value) for value in config.get("image_std") or usual.std),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no image processor's: {error}; download the checkpoint again") from error


def fitted_size(vision: Vision, processor: Processor, height: int, width: int) -> tuple[int, int]:
    """Return height and width after scaling: multiples of patch times merge, within the processor's bounds.

    The formula is ``smart_resize`` of transformers' image processor of Qwen2-VL, which all families use.
    """
    if max(height, width) > MOST_ASPECT * min(height, width):
        raise InputError(
            f"no processor takes a picture of {width}x{height}: one side is over {MOST_ASPECT} times the other"
        )
    factor = vision.factor
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    if high * wide > processor.max_pixels:
        shrink = math.sqrt(height * width / processor.max_pixels)
        high = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif high * wide < processor.min_pixels:
        grow = math.sqrt(processor.min_pixels / (height * width))
        high, wide = math.ceil(height * grow / factor) * factor, math.ceil(width * grow / factor) * factor
    return high, wide


def draw(height: int, width: int, number: int = 0) -> np.ndarray:
    """Return picture ``number``, uint8 ``[height, width, 3]``: slopes of colour, discs, a grid of lines, and noise."""
    import numpy as np

    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    slopes = [255 * x // width, 255 * y // height, 255 * (x + y) // (height + width)]
    picture = np.stack(slopes, axis=-1)
    for disc in range(5):
        middle_y, middle_x = (2 * disc + 1) * height // 10, (3 * disc + 2 + number) % 7 * width // 7
        inside = (y - middle_y) ** 2 + (x - middle_x) ** 2 < (min(height, width) // (6 + disc)) ** 2
        picture[inside] = (51 * disc, 255 - 51 * disc, (97 * disc + 40 * number) % 256)
    lines = (x % 37 < 2) | (y % 53 < 2)
    picture[lines] = 255 - picture[lines]
    word = (x * 374_761_393 + y * 668_265_263 + number * 974_634_169) & 0xFFFF_FFFF
    word = ((word ^ (word >> 13)) * 1_274_126_177) & 0xFFFF_FFFF
    noise = ((word ^ (word >> 16)) & 31)[..., None] - 16
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def normalised(vision: Vision, processor: Processor, picture: np.ndarray) -> np.ndarray:
    """Return the patches of one picture, float32 ``[patches, 3 * frames * patch * patch]``, as the tower takes them.

    Patches that merge into one token stand together; every frame is the same picture.
    """
    import numpy as np

    values: Any = (picture.astype(np.float64) * _RESCALE).astype(np.float32)
    values = (values - np.asarray(processor.mean, np.float32)) / np.asarray(processor.std, np.float32)
    size, merge = vision.patch_size, vision.spatial_merge_size
    rows, columns = picture.shape[0] // vision.factor, picture.shape[1] // vision.factor
    parts = values.reshape(rows, merge, size, columns, merge, size, CHANNELS).transpose(0, 3, 1, 4, 6, 2, 5)
    frames: np.ndarray = np.repeat(parts[:, :, :, :, :, None], vision.temporal_patch_size, axis=5)
    return frames.reshape(rows * columns * merge**2, -1)


def pixel_values(model: Model, height: int, width: int, batch: int) -> np.ndarray:
    """Return the patches of every sequence's picture, one after the other."""
    import numpy as np

    vision, processor = model.spec.vision, processor_of(model)
    assert vision is not None
    return np.concatenate([normalised(vision, processor, draw(height, width, row)) for row in range(batch)])


def make_image(model: Model, height: int, width: int, start: int, batch: int) -> Image:
    """Return the picture a user asked for, as the model's processor would hand it on, at position ``start``."""
    vision = model.spec.vision
    assert vision is not None
    high, wide = fitted_size(vision, processor_of(model), height, width)
    digest = hashlib.sha256(pixel_values(model, high, wide, batch).tobytes()).hexdigest()
    return Image(high, wide, start, vision.tokens(high, wide), digest)


def checked_pixels(model: Model, image: Image, batch: int) -> np.ndarray:
    """Return the pixel values of ``image``, which must be those that its digest names."""
    values = pixel_values(model, image.height, image.width, batch)
    if (found := hashlib.sha256(values.tobytes()).hexdigest()) != image.sha256:
        raise InputError(
            f"this machine draws another picture (digest {found[:16]}, wanted {image.sha256[:16]}): its arithmetic or "
            "its preprocessor_config.json differs; profile with the same checkpoint everywhere"
        )
    return values


def image_bytes(spec: ModelSpec, precision: str, image: Image, batch: int) -> int:
    """Return the memory that pictures need: the tower, and its widest activations in float32."""
    vision = spec.vision
    assert vision is not None
    width = 8 * vision.hidden_size + 2 * vision.intermediate_size + CHANNELS * 4 * vision.patch_size**2
    return spec.tower_bytes(precision) + 4 * batch * vision.patches(image.height, image.width) * width
