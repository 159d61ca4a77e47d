"""A decoded picture → the upright square that the model looks at.

It mirrors torchvision's Resize and CenterCrop on a Pillow image, down to which way each of them
rounds.
"""

import math
from contextlib import suppress

import numpy as np
import PIL
from PIL import Image

from worker.models.transforms import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]

_ORIENTATION_TAG = 0x0112
# What turns a picture of that EXIF orientation upright, as ImageOps.exif_transpose does.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLUMNS_REVERSED = {2, 3, 6, 7}  # turned upright, columns or rows run against the stored order
_ROWS_REVERSED = {3, 4, 7, 8}
_PASSES_VARY = int(PIL.__version__.split(".")[0]) >= 13  # older ones always scale columns first
# A box is only as exact as float32. Where few pixels make one, that can flip the rounding of all of
# them at once, and so move the result by two steps; a small picture is resized whole instead, which
# is torchvision's own way, unless it is so long and thin that this takes too much memory.
_SMALL = 1.5
_MOST_RESIZED = 3_000_000


def cut_square(image: Image.Image, size: Size, shrink: float, recipe: Recipe) -> Image.Image:
    """Turn upright, then resize what torchvision's CenterCrop would keep, and nothing else.

    Args:
        image: Decoded, as stored, smaller than ``size`` by ``shrink``; any mode. It is closed.
        size: Width and height in the header.
        shrink: By how much libjpeg shrank it: 1, 2, 4 or 8.
        recipe: The transform.

    Returns:
        The square, in RGB or L.
    """
    orientation = _orientation(image)
    if orientation != 1:
        image = _instead_of(image, image.transpose(_UPRIGHT[orientation]))
        size = size[::-1] if orientation >= 5 else size
    target = resized(size, recipe)
    # round(), to even, is what CenterCrop does
    left, top = (round((length - recipe.crop) / 2) for length in target)
    if shrink == 1 and min(size) < _SMALL * recipe.resize and math.prod(target) < _MOST_RESIZED:
        whole = _plain(image).resize(target, recipe.interpolation)
        return whole.crop((left, top, left + recipe.crop, top + recipe.crop))
    x, y = size[0] / target[0] / shrink, size[1] / target[1] / shrink
    # libjpeg rounds a shrunk length up; turned over, that surplus lies at the left or the top.
    dx = image.width - size[0] / shrink if orientation in _COLUMNS_REVERSED else 0
    dy = image.height - size[1] / shrink if orientation in _ROWS_REVERSED else 0
    box = (
        left * x + dx,
        top * y + dy,
        (left + recipe.crop) * x + dx,
        (top + recipe.crop) * y + dy,
    )
    image, box = _crop(image, box, recipe)
    return _resize(_plain(image), box, recipe, rows_first=_rows_first(size, recipe))


def _orientation(image: Image.Image) -> int:
    # A PNG may carry EXIF after its pixels, so this comes after load(). What is broken in it says
    # nothing about the picture.
    with suppress(Exception):
        value = image.getexif().get(_ORIENTATION_TAG)
        return value if value in _UPRIGHT else 1
    return 1


def resized(size: Size, recipe: Recipe) -> Size:
    """Width and height after torchvision's Resize, which cuts the longer one to an integer."""
    longer = int(recipe.resize * max(size) / min(size))
    return (recipe.resize, longer) if size[0] <= size[1] else (longer, recipe.resize)


def _crop(image: Image.Image, box: Box, recipe: Recipe) -> tuple[Image.Image, Box]:
    """Cut to the pixels that resizing ``box`` reads, and say where it lies in them.

    This also keeps the box's numbers small, and so its float32 exact, in a long panorama.
    """
    reach = 2 if recipe.interpolation == Image.Resampling.BICUBIC else 1
    margin_x = math.ceil(reach * max(1, (box[2] - box[0]) / recipe.crop)) + 1
    margin_y = math.ceil(reach * max(1, (box[3] - box[1]) / recipe.crop)) + 1
    left, top = max(0, math.floor(box[0]) - margin_x), max(0, math.floor(box[1]) - margin_y)
    right = min(image.width, math.ceil(box[2]) + margin_x)
    bottom = min(image.height, math.ceil(box[3]) + margin_y)
    cut = _instead_of(image, image.crop((left, top, right, bottom)))
    return cut, (box[0] - left, box[1] - top, box[2] - left, box[3] - top)


def _rows_first(size: Size, recipe: Recipe) -> bool:
    """Whether Pillow, asked to resize the whole picture, would scale its rows first.

    It rounds to uint8 between the two passes, so their order shows in the result; which one it
    takes depends on the sizes, and resizing a part has other sizes than resizing the whole.
    """
    width, height = resized(size, recipe)
    loss = size[1] - height
    return _PASSES_VARY and loss > 0 and loss > 2 * (size[0] - width)


def _resize(image: Image.Image, box: Box, recipe: Recipe, *, rows_first: bool) -> Image.Image:
    """Resize ``box`` to the square, one direction after the other."""
    left, top, right, bottom = box
    crop = recipe.crop
    if rows_first:
        image = image.resize(
            (image.width, crop), recipe.interpolation, (0, top, image.width, bottom)
        )
        return image.resize((crop, crop), recipe.interpolation, (left, 0, right, crop))
    image = image.resize((crop, image.height), recipe.interpolation, (left, 0, right, image.height))
    return image.resize((crop, crop), recipe.interpolation, (0, top, crop, bottom))


def _plain(image: Image.Image) -> Image.Image:
    """The same picture in RGB or L."""
    if image.mode in {"RGB", "L"}:
        return image
    if image.mode == "I;16":
        words = np.asarray(image, "<u2")
        image.close()
        return Image.fromarray(np.ascontiguousarray(words.view(np.uint8)[:, 1::2]))
    # Without alpha no conversion need care which colour stands for it.
    image.info.pop("transparency", None)
    return _instead_of(image, image.convert("L" if image.mode == "1" else "RGB"))


def _instead_of(image: Image.Image, successor: Image.Image) -> Image.Image:
    """Free a picture's memory as soon as another takes its place."""
    image.close()
    return successor
