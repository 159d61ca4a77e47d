"""Preprocessing equals torchvision's transform on every picture that it decodes at full size."""

import importlib
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from worker.imaging.preprocess import DRAFT_FACTOR, preprocess
from worker.models.transforms import (
    EFFICIENTNET_LITE0,
    IMAGENET1K_V1,
    IMAGENET1K_V2,
    RECIPES,
    Recipe,
)

MAX_PIXELS = 50_000_000
RECIPE_LIST = list(RECIPES.values())
# Shorter than this, no recipe lets libjpeg shrink a photo.
UNDRAFTED = DRAFT_FACTOR * 2 * IMAGENET1K_V2.resize

lengths = st.integers(1, 700)
thumbnails = st.integers(1, 347)  # small for every recipe
orientations = st.integers(1, 8)
recipes = st.sampled_from(RECIPE_LIST)
seeds = st.integers(0, 2**16)
png_modes = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
jpeg_modes = st.sampled_from(["L", "RGB", "CMYK"])
slow = HealthCheck.too_slow


def noise(width: int, height: int, seed: int) -> Image.Image:
    """Noise over shapes: steep edges show a box that lies half a pixel off."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 3] = 255
    pixels[height // 3 :, width // 2 :] = rng.integers(0, 256, 3, dtype=np.uint8)
    return Image.fromarray(pixels)


def in_mode(image: Image.Image, mode: str, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65_536, image.size[::-1], dtype=np.uint16))
    if mode in {"LA", "RGBA"}:
        image = image.convert(mode)
        alpha = rng.integers(0, 256, image.size[::-1], dtype=np.uint8)
        image.putalpha(Image.fromarray(alpha))
        return image
    return image.convert(mode)


def encode(image: Image.Image, kind: str, orientation: int, **options: object) -> bytes:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif, compress_level=1, **options)
    return file.getvalue()


def smooth(width: int, height: int) -> Image.Image:
    """A photo-like picture with slopes everywhere: noise of a few pixels, blown up."""
    small = np.random.default_rng(5).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def stocky(size: tuple[int, int]) -> tuple[int, int]:
    """No thinner than 1 : 40, because torchvision resizes all of a picture before it crops."""
    width, height = size
    return min(width, 40 * height), min(height, 40 * width)


def reference(data: bytes, recipe: Recipe) -> NDArray[np.uint8]:
    """What a torchvision user writes: open, turn upright, put on white, resize, crop."""
    image: Image.Image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image)
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.mode in {"LA", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        image = white
    transforms = importlib.import_module("torchvision.transforms")  # here, as torch takes long
    mode = {
        Image.Resampling.BILINEAR: transforms.InterpolationMode.BILINEAR,
        Image.Resampling.BICUBIC: transforms.InterpolationMode.BICUBIC,
    }[recipe.interpolation]
    transform = transforms.Compose(
        [transforms.Resize(recipe.resize, mode), transforms.CenterCrop(recipe.crop)]
    )
    return np.asarray(transform(image.convert("RGB")))


def furthest(data: bytes, recipe: Recipe) -> int:
    ours = preprocess(data, recipe, MAX_PIXELS)
    assert ours.shape == (recipe.crop, recipe.crop, 3)
    assert ours.dtype == np.uint8
    return int(np.abs(ours.astype(int) - reference(data, recipe).astype(int)).max())


@settings(max_examples=100, deadline=None, suppress_health_check=[slow])
@given(
    size=st.tuples(lengths, lengths), mode=png_modes, turn=orientations, recipe=recipes, seed=seeds
)
def test_a_png_is_within_one_step_of_torchvision(
    size: tuple[int, int], mode: str, turn: int, recipe: Recipe, seed: int
) -> None:
    image = in_mode(noise(*stocky(size), seed), mode, seed)
    assert furthest(encode(image, "PNG", turn), recipe) <= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[slow])
@given(size=st.tuples(thumbnails, thumbnails), turn=orientations, recipe=recipes, seed=seeds)
@example(size=(500, 333), turn=1, recipe=IMAGENET1K_V1, seed=0)
@example(size=(300, 451), turn=6, recipe=IMAGENET1K_V1, seed=0)
@example(size=(340, 255), turn=1, recipe=IMAGENET1K_V2, seed=0)
@example(size=(375, 1000), turn=1, recipe=EFFICIENTNET_LITE0, seed=0)
@example(size=(1000, 811), turn=6, recipe=EFFICIENTNET_LITE0, seed=0)
@example(size=(701, 1022), turn=3, recipe=EFFICIENTNET_LITE0, seed=1)
def test_a_small_picture_is_torchvision_s_to_the_byte(
    size: tuple[int, int], turn: int, recipe: Recipe, seed: int
) -> None:
    assert furthest(encode(noise(*stocky(size), seed), "PNG", turn), recipe) == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[slow])
@given(
    size=st.tuples(st.integers(1, UNDRAFTED - 1), st.integers(1, UNDRAFTED - 1)),
    mode=jpeg_modes,
    turn=orientations,
    recipe=recipes,
    seed=seeds,
)
def test_a_jpeg_decoded_at_full_size_is_within_one_step_of_torchvision(
    size: tuple[int, int], mode: str, turn: int, recipe: Recipe, seed: int
) -> None:
    image = noise(*stocky(size), seed).convert(mode)
    data = encode(image, "JPEG", turn, progressive=seed % 2 == 0)
    assert furthest(data, recipe) <= 1


@pytest.mark.parametrize("size", [(1080, 2340), (3000, 900), (700, 1401), (2000, 349)])
@pytest.mark.parametrize("recipe", RECIPE_LIST, ids=lambda recipe: recipe.name)
def test_screenshots_and_panoramas_are_within_one_step_of_torchvision(
    size: tuple[int, int], recipe: Recipe
) -> None:
    assert furthest(encode(noise(*size, 7), "PNG", 1), recipe) <= 1


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (3, 3_000_000), (40_000, 1_200)])
@pytest.mark.parametrize("turn", [1, 6])
def test_a_picture_too_thin_for_torchvision_is_still_cut_from_its_centre(
    size: tuple[int, int], turn: int
) -> None:
    image = Image.new("L", size, 0)
    x, y = size[0] // 2, size[1] // 2
    image.paste(200, (max(0, x - 700), max(0, y - 700), x + 700, y + 700))
    square = preprocess(encode(image, "PNG", turn), IMAGENET1K_V1, MAX_PIXELS)
    assert (square[80:144, 80:144] == 200).all()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("recipe", [IMAGENET1K_V1, IMAGENET1K_V2, EFFICIENTNET_LITE0])
def test_a_large_jpeg_is_shrunk_while_decoding_and_stays_in_place(
    turn: int, recipe: Recipe
) -> None:
    photo = smooth(2_503, 3_331)
    data = encode(photo, "JPEG", turn, quality=95)
    expected = reference(data, recipe).astype(float)
    change = preprocess(data, recipe, MAX_PIXELS).astype(float) - expected
    assert 0 < np.abs(change).mean() < 0.5
    # A picture that lay a twentieth of a pixel off would show it as this share of its own slope.
    slope = np.stack([axis.ravel() for axis in np.gradient(expected.mean(axis=2))], axis=1)
    offset, *_ = np.linalg.lstsq(slope, change.mean(axis=2).ravel(), rcond=None)
    assert np.abs(offset).max() < 0.05


def test_sixteen_bits_of_colour_or_grey_keep_their_high_byte() -> None:
    words = np.linspace(0, 65_535, 224 * 224, dtype=np.uint16).reshape(224, 224)
    data = encode(Image.fromarray(words), "PNG", 1)
    identity = Recipe("IDENTITY", 224, 224, Image.Resampling.BILINEAR, (0, 0, 0), (1, 1, 1))
    square = preprocess(data, identity, MAX_PIXELS)
    assert (square == (words >> 8)[..., None]).all()


def test_a_transparent_picture_is_classified_as_viewers_show_it() -> None:
    image = Image.new("RGBA", (300, 300), (10, 200, 30, 0))
    image.paste((10, 200, 30, 255), (0, 0, 300, 150))
    square = preprocess(encode(image, "PNG", 1), IMAGENET1K_V2, MAX_PIXELS)
    assert (square[:110] == (10, 200, 30)).all()
    assert (square[-110:] == 255).all()


def test_transparent_palette_entries_and_colours_are_white() -> None:
    palette = Image.new("RGB", (300, 300), (10, 200, 30)).quantize(4)
    data = encode(palette, "PNG", 1, transparency=bytes([0, 128, 255]))
    assert (preprocess(data, IMAGENET1K_V2, MAX_PIXELS) == 255).all()
    colour = Image.new("RGB", (300, 300), (10, 200, 30))
    data = encode(colour, "PNG", 1, transparency=(10, 200, 30))
    assert (preprocess(data, IMAGENET1K_V2, MAX_PIXELS) == 255).all()
    other = encode(colour, "PNG", 1, transparency=(10, 200, 31))
    assert (preprocess(other, IMAGENET1K_V2, MAX_PIXELS) == (10, 200, 30)).all()


@pytest.mark.parametrize(("mode", "key", "value"), [("1", 0, 0), ("L", 90, 90), ("I;16", 9000, 35)])
def test_a_transparent_grey_is_white(mode: str, key: int, value: int) -> None:
    image = Image.new(mode, (300, 300), key)
    image.paste(255, (0, 0, 300, 150))
    data = encode(image, "PNG", 1)
    opaque = preprocess(data, IMAGENET1K_V2, MAX_PIXELS)
    assert (opaque[-100:] == value).all()
    image.info["transparency"] = key
    blended = preprocess(encode(image, "PNG", 1, transparency=key), IMAGENET1K_V2, MAX_PIXELS)
    assert (blended[-100:] == 255).all()
    assert (blended[:100] == opaque[:100]).all()


def test_a_jpeg_of_several_pictures_is_its_first() -> None:
    first, second = noise(300, 260, 1), noise(300, 260, 2)
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second], quality=95)
    alone = encode(first, "JPEG", 1, quality=95)
    expected = preprocess(alone, IMAGENET1K_V1, MAX_PIXELS)
    assert (preprocess(file.getvalue(), IMAGENET1K_V1, MAX_PIXELS) == expected).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0" + b"\x08" * 400]
)
def test_broken_exif_leaves_the_picture_as_it_is(kind: str, exif: bytes) -> None:
    image = noise(320, 280, 3)
    plain, broken = io.BytesIO(), io.BytesIO()
    image.save(plain, kind)
    image.save(broken, kind, exif=exif)
    expected = preprocess(plain.getvalue(), IMAGENET1K_V2, MAX_PIXELS)
    assert (preprocess(broken.getvalue(), IMAGENET1K_V2, MAX_PIXELS) == expected).all()


@pytest.mark.parametrize("turn", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(turn: int) -> None:
    assert furthest(encode(noise(300, 250, 4), "JPEG", turn), IMAGENET1K_V2) <= 1
