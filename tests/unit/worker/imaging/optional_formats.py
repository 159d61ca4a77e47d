"""What the tests of the formats that `PHOTO_FORMATS` adds have in common."""

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photo_formats import NAMES, PhotoFormats
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V2

MAX_PIXELS = 50_000_000
FORMATS = PhotoFormats(tuple(NAMES))


def noise(size: tuple[int, int]) -> Image.Image:
    """A picture that compresses badly."""
    samples = np.random.default_rng(5).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(samples)


PICTURE = noise((260, 290))
SMALL = PICTURE.crop((0, 0, 60, 80))


def seen(data: bytes) -> NDArray[np.uint8]:
    """What the model gets."""
    return preprocess(data, IMAGENET1K_V2, MAX_PIXELS, FORMATS)


def cost(data: bytes) -> int:
    """What is reserved."""
    return decode_cost(data, MAX_PIXELS, IMAGENET1K_V2, FORMATS)


def as_png(image: Image.Image, orientation: int = 1) -> NDArray[np.uint8]:
    """What the model gets of the same pixels in a PNG."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image.save(file, "PNG", exif=exif)
    return seen(file.getvalue())


def decoded(data: bytes) -> Image.Image:
    """The picture as Pillow decodes it, not turned."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()


def transparent(image: Image.Image) -> Image.Image:
    """The picture with an alpha channel of noise."""
    alpha = np.random.default_rng(4).integers(0, 256, image.size[::-1], dtype=np.uint8)
    image = image.copy()
    image.putalpha(Image.fromarray(alpha))
    return image


def sixteenths(data: bytes) -> Iterator[bytes]:
    """The file, cut at every sixteenth."""
    return (data[: len(data) * part // 16] for part in range(1, 16))
