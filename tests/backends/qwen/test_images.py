"""Pictures are those of the checkpoints' own image processors, and the same everywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from backends.common.errors import InputError
from backends.qwen.images import (
    PROCESSORS,
    checked_pixels,
    draw,
    fitted_size,
    make_image,
    normalised,
    pixel_values,
    processor_of,
)
from backends.qwen.model import Model
from backends.qwen.synthetic import synthetic_model
from backends.qwen.vision import Vision
from tests.backends.qwen.families import TINY

PATCH = {"qwen2_vl": 14, "qwen2_5_vl": 14, "qwen2_5_omni": 14, "qwen3_vl": 16, "qwen3_omni": 16}
SIZES = [(768, 1024), (480, 640), (777, 333), (30, 200), (4000, 5000), (512, 512), (100, 19000)]

EARLY = [(756, 1036), (476, 644), (784, 336), (28, 196), (3192, 4004), (504, 504), (112, 19012)]
RESIZED = {
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen2_5_omni"), EARLY),
    "qwen3_vl": [(768, 1024), (480, 640), (768, 320), (128, 672), (3648, 4576), (512, 512), (96, 19008)],
    "qwen3_omni": [(768, 1024), (480, 640), (768, 320), (32, 192), (3200, 4000), (512, 512), (96, 19008)],
}
"""``smart_resize`` of transformers 5.23.0 for :data:`SIZES`, recorded."""

CLIP = "f11053b89d1bf8ffcac9ac6746bd35c35f543b4620e732e0f6591ed251271d76"
PIXELS = {
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen2_5_omni"), CLIP),
    "qwen3_vl": "c9cc14c13528db03b591010f9177aa1180dee5e62a5d73314a41ca2f33537341",
    "qwen3_omni": "5548ed6ecd9c98c987677625cd67a77aeaecf8a7d577dfeec8b3dd4c6f641df3",
}
"""SHA-256 of ``pixel_values`` of transformers' ``Qwen2VLImageProcessorPil`` (Pillow 13.0.0) for picture 1, recorded."""


def tower_of(name: str) -> Vision:
    return Vision(1, 32, 2, 64, PATCH[name], 64)


def picture_of(name: str):
    return draw(*fitted_size(tower_of(name), PROCESSORS[name], 90, 333), 1)


@pytest.mark.parametrize("name", PROCESSORS)
def test_a_picture_is_scaled_as_the_official_processor_scales_it(name):
    assert [fitted_size(tower_of(name), PROCESSORS[name], *size) for size in SIZES] == RESIZED[name]


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixel_values_are_bit_for_bit_those_of_the_official_processor(name):
    values = normalised(tower_of(name), PROCESSORS[name], picture_of(name))
    assert values.dtype == np.float32
    assert hashlib.sha256(values.tobytes()).hexdigest() == PIXELS[name]


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_official_processor_here_agrees_too(name):
    pytest.importorskip("PIL", reason="transformers' processor needs Pillow; its outputs are recorded above")
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    processor, tower = PROCESSORS[name], tower_of(name)
    size = {"shortest_edge": processor.min_pixels, "longest_edge": processor.max_pixels}
    official = Qwen2VLImageProcessorPil(
        patch_size=tower.patch_size, size=size, image_mean=list(processor.mean), image_std=list(processor.std)
    )
    out = official(picture_of(name), return_tensors="np")
    assert np.array_equal(out["pixel_values"], normalised(tower, processor, picture_of(name)))


def test_a_picture_is_the_same_everywhere_and_differs_from_row_to_row():
    assert hashlib.sha256(draw(64, 96).tobytes()).hexdigest().startswith(DRAWN)
    assert not np.array_equal(draw(64, 96, 0), draw(64, 96, 1))
    assert 40 < draw(256, 256).std() < 100, "neither flat nor noise alone"


DRAWN = "cfb1025bf3801029"


def test_a_picture_too_long_is_refused():
    with pytest.raises(InputError, match="no processor takes a picture of 100x20100"):
        fitted_size(tower_of("qwen3_vl"), PROCESSORS["qwen3_vl"], 20_100, 100)


def test_a_checkpoint_says_how_its_pictures_are_prepared(tmp_path):
    model = Model(TINY["qwen3_vl"], "", checkpoint=str(tmp_path))
    assert processor_of(model) == PROCESSORS["qwen3_vl"]
    config = {"size": {"shortest_edge": 4096, "longest_edge": 8192}, "image_mean": [0.1, 0.2, 0.3]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    assert processor_of(model) == replace(
        PROCESSORS["qwen3_vl"], min_pixels=4096, max_pixels=8192, mean=(0.1, 0.2, 0.3)
    )
    (tmp_path / "preprocessor_config.json").write_text("[1")
    with pytest.raises(InputError, match=r"preprocessor_config\.json is no image processor's"):
        processor_of(model)


def test_another_picture_than_the_recorded_one_stops_the_run():
    model = synthetic_model(TINY["qwen2_vl"])
    image = make_image(model, 80, 112, 2, 2)
    assert (image.height, image.width, image.tokens) == (80, 112, 35)
    assert np.array_equal(checked_pixels(model, image, 2), pixel_values(model, 80, 112, 2))
    with pytest.raises(InputError, match="this machine draws another picture"):
        checked_pixels(model, replace(image, sha256="0" * 64), 2)
