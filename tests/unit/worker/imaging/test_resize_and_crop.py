"""Which pixels of a decoded picture are kept and resized."""

import io

import numpy as np
import pytest
from PIL import Image

from worker.imaging.preprocess import open_photo
from worker.imaging.resize_and_crop import plan_cut
from worker.models.transforms import EFFICIENTNET_LITE0, IMAGENET1K_V1, IMAGENET1K_V2, Recipe


@pytest.mark.parametrize(
    ("size", "resized_to"),
    [((500, 333), (228, 224)), ((300, 451), (224, 228)), ((500, 375), (341, 224))],
)
def test_of_a_small_picture_little_more_than_the_square_is_resized(
    size: tuple[int, int], resized_to: tuple[int, int]
) -> None:
    assert plan_cut(size, 1, 1, IMAGENET1K_V1).target == resized_to


@pytest.mark.parametrize(
    ("size", "turn", "recipe", "kept"),
    [
        ((375, 500), 1, IMAGENET1K_V1, (335, 335)),
        ((500, 375), 6, IMAGENET1K_V1, (335, 335)),
        ((480, 640), 3, EFFICIENTNET_LITE0, (430, 432)),
        ((225, 300), 1, IMAGENET1K_V2, (225, 223)),
    ],
)
def test_of_a_small_upright_picture_only_what_the_square_needs_is_resized_first(
    size: tuple[int, int], turn: int, recipe: Recipe, kept: tuple[int, int]
) -> None:
    left, top, right, bottom = plan_cut(size, turn, 1, recipe).kept
    assert (right - left, bottom - top) == kept


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_cut_reaches_the_last_pixel(mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, "JPEG")
    photo = open_photo(file.getvalue())
    whole, part = photo.read(1, (0, 0, 60, 40)), photo.read(1, (20, 10, 60, 40))
    assert part.tobytes() == whole.crop((20, 10, 60, 40)).tobytes()
