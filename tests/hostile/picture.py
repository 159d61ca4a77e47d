"""A file to send, and the photo that most of them show."""

from functools import cache
from typing import NamedTuple

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.pngs import png


class Picture(NamedTuple):
    """A file to send, and the same pixels as plain as can be, where an answer is promised."""

    name: str
    data: bytes
    plain: bytes | None = None


@cache
def photo() -> Image.Image:
    """A cup of coffee, 320 x 214."""
    return Image.fromarray(skimage.data.coffee()).resize((320, 214))


@cache
def pixels() -> NDArray[np.uint8]:
    """The same, as an array (height, width, 3)."""
    return np.asarray(photo())


@cache
def plain() -> bytes:
    """The same, as an ordinary PNG."""
    return png(pixels())
