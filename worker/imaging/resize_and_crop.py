"""Resizes a picture and cuts out the centre square that the model sees.

The result is that of torchvision's Resize and CenterCrop on the upright picture, including their
rounding. Pixels are cut and resized as they are stored; only the square is turned upright.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from PIL import Image

from worker.models.transforms import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]
IntBox = tuple[int, int, int, int]
Span = tuple[int, int]

# The operation that turns a picture upright, by EXIF orientation, as in ImageOps.exif_transpose.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TRANSPOSED = {5, 6, 7, 8}  # stored columns are rows of the upright picture
# EXIF orientations in which the stored columns or rows are reversed.
_COLUMNS_REVERSED = {2, 3, 7, 8}
_ROWS_REVERSED = {3, 4, 6, 7}
# Pillow's box has the precision of float32. If few pixels make a result pixel, this can change the
# rounding of all of them, and so the result by two steps. Therefore a small picture is resized from
# an edge to an edge that float32 holds exactly, unless it is so long and thin that this takes too
# much memory. Bicubic weights are partly negative and add up more rounding: there, small is what is
# less than this many times the size to resize to.
_SMALL = {Image.Resampling.BILINEAR: 1.5, Image.Resampling.BICUBIC: 4.0}
_MOST_RESIZED = 3_000_000
# An edge in multiples of this part of a pixel is exact in any small picture.
_EXACT = 256


@dataclass(frozen=True)
class Cut:
    """How to cut the square out of a decoded picture, in coordinates of the stored picture.

    Attributes:
        kept: Left, top, right and bottom of the needed pixels.
        box: The part that is resized, in fractions of pixels, from the corner of the kept ones. In
            the direction that is resized last it may reach beyond them.
        target: Width and height of that part after the resize, in pixels.
        corner: Left and top of the square in the resized picture.
        side: Length of the square's sides, in pixels.
        rows_first: Whether rows are resized before columns.
        orientation: EXIF orientation, 1 to 8.
    """

    kept: IntBox
    box: Box
    target: Size
    corner: Size
    side: int
    rows_first: bool
    orientation: int

    @property
    def reach(self) -> tuple[int, int]:
        """Begin and end of the pixels that are resized last; those beyond the kept ones are black.

        No pixel of the square depends on the black ones.
        """
        axis = 0 if self.rows_first else 1
        length = self.kept[axis + 2] - self.kept[axis]
        return min(0, math.floor(self.box[axis])), max(length, math.ceil(self.box[axis + 2]))

    def peak_bytes(self, depth: int) -> int:
        """Maximum memory of `cut_square`, including its argument, in bytes.

        Args:
            depth: Bytes per pixel of the argument.
        """
        width, height = self.kept[2] - self.kept[0], self.kept[3] - self.kept[1]
        side, last = self.side, self.reach[1] - self.reach[0]
        if self.rows_first:
            steps = [(width, self.target[1]), (last, side), (self.target[0], side)]
        else:
            steps = [(self.target[0], height), (side, last), (side, self.target[1])]
        pictures = [picture_bytes(*size, depth) for size in ((width, height), *steps, (side, side))]
        return max(map(sum, pairwise(pictures)))


@lru_cache(maxsize=256)  # the photos of a batch have few sizes
def plan_cut(size: Size, orientation: int, shrink: int, recipe: Recipe) -> Cut:
    """Decide from the header which pixels are kept and resized.

    Args:
        size: Width and height as stored, in pixels.
        orientation: EXIF orientation, 1 to 8.
        shrink: The decoder's divisor of width and height: 1, 2, 4 or 8.
        recipe: The transform.
    """
    crop = recipe.crop
    transposed = orientation in _TRANSPOSED
    target = resized(size, recipe)
    # CenterCrop uses round(), which rounds half to even, on the upright picture
    left, top = (round((length - crop) / 2) for length in target)
    if orientation in _COLUMNS_REVERSED:
        left = target[0] - crop - left
    if orientation in _ROWS_REVERSED:
        top = target[1] - crop - top
    rows_first = _rows_first(size[::-1] if transposed else size, recipe) is not transposed
    decoded = (shrunk_length(size[0], shrink), shrunk_length(size[1], shrink))
    small = _SMALL[recipe.interpolation] * recipe.resize
    exact = shrink == 1 and min(size) < small and math.prod(target) < _MOST_RESIZED
    columns, rows = (
        _exact_span(length, to, first, crop) if exact else (first, first + crop)
        for length, to, first in zip(size, target, (left, top), strict=True)
    )
    x, y = size[0] / shrink, size[1] / shrink

    def edges(columns: Span, rows: Span) -> Box:
        return (
            *(columns[0] * x / target[0], rows[0] * y / target[1]),
            *(columns[1] * x / target[0], rows[1] * y / target[1]),
        )

    box, square = edges(columns, rows), ((left, left + crop), (top, top + crop))
    read = edges(square[0], rows) if rows_first else edges(columns, square[1])
    kept = _needed(read, (x / target[0], y / target[1]), decoded, recipe)
    within = (box[0] - kept[0], box[1] - kept[1], box[2] - kept[0], box[3] - kept[1])
    resized_to = (columns[1] - columns[0], rows[1] - rows[0])
    corner = (left - columns[0], top - rows[0])
    return Cut(kept, within, resized_to, corner, crop, rows_first, orientation)


def _exact_span(length: int, target: int, first: int, count: int) -> tuple[int, int]:
    """The narrowest span of result pixels around ``count`` of them whose edges are exact."""
    ratio = target // math.gcd(length, target)
    step = ratio // math.gcd(ratio, _EXACT)
    return first // step * step, -(-(first + count) // step) * step


def shrunk_length(length: int, shrink: int) -> int:
    """A length after libjpeg divides it by ``shrink``; libjpeg rounds up."""
    return -(-length // shrink)


def resized(size: Size, recipe: Recipe) -> Size:
    """Width and height after torchvision's Resize, which truncates the longer one."""
    longer = int(recipe.resize * max(size) / min(size))
    return (recipe.resize, longer) if size[0] <= size[1] else (longer, recipe.resize)


def _needed(box: Box, scale: tuple[float, float], size: Size, recipe: Recipe) -> IntBox:
    """The pixels that are read when ``box`` is resized, ``scale`` pixels to one.

    Cutting to these pixels also keeps the box's coordinates small, so that float32 is precise even
    for a panorama.
    """
    reach = 2 if recipe.interpolation == Image.Resampling.BICUBIC else 1
    margin_x, margin_y = (math.ceil(reach * max(1, pixels)) + 1 for pixels in scale)
    return (
        max(0, math.floor(box[0]) - margin_x),
        max(0, math.floor(box[1]) - margin_y),
        min(size[0], math.ceil(box[2]) + margin_x),
        min(size[1], math.ceil(box[3]) + margin_y),
    )


def _rows_first(size: Size, recipe: Recipe) -> bool:
    """Whether Pillow would resize rows first if it resized the whole upright picture.

    Pillow rounds to uint8 between its two passes, so their order affects the result. It chooses the
    order by the sizes, which are different when only a part is resized.
    """
    width, height = resized(size, recipe)
    loss = size[1] - height
    return loss > 0 and loss > 2 * (size[0] - width)


def cut_square(image: Image.Image, cut: Cut, recipe: Recipe) -> Image.Image:
    """Resize the needed part, one direction after the other, and turn the square upright.

    Args:
        image: The kept pixels, in RGB or L. It is closed.
        cut: The plan from `plan_cut`.
        recipe: The transform.

    Returns:
        The square, in the image's mode.
    """
    left, top, right, bottom = cut.box
    width, height = cut.target
    x, y = cut.corner
    side, (begin, end) = cut.side, cut.reach

    def resize(size: Size, box: Box) -> Image.Image:
        return successor(image, image.resize(size, recipe.interpolation, box))

    def keep(box: IntBox) -> Image.Image:
        whole = box == (0, 0, *image.size)
        return image if whole else successor(image, image.crop(box))

    if cut.rows_first:
        image = resize((image.width, height), (0, top, image.width, bottom))
        image = keep((begin, y, end, y + side))
        image = resize((width, side), (left - begin, 0, right - begin, side))
        image = keep((x, 0, x + side, side))
    else:
        image = resize((width, image.height), (left, 0, right, image.height))
        image = keep((x, begin, x + side, end))
        image = resize((side, height), (0, top - begin, side, bottom - begin))
        image = keep((0, y, side, y + side))
    return image if cut.orientation == 1 else image.transpose(_UPRIGHT[cut.orientation])


def successor(image: Image.Image, following: Image.Image) -> Image.Image:
    """Return the following picture and free the memory of the previous one."""
    if following is not image:
        image.close()
    return following


def picture_bytes(width: int, height: int, depth: int) -> int:
    """Memory of a picture in Pillow, in bytes.

    Args:
        width: In pixels.
        height: In pixels; each row also has a pointer.
        depth: Bytes per pixel in Pillow: 1 for L, P and 1; 2 for I;16; 4 for all other modes.
    """
    return height * (8 + -(-width * depth // 4) * 4)
