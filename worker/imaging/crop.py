"""Where in a picture the square lies that the model looks at, and how it is cut out.

It mirrors torchvision's Resize and CenterCrop on the upright picture, down to which way each of
them rounds. Pixels are cut and resized as they are stored; only the square is turned upright.
"""

import math
from dataclasses import dataclass

from PIL import Image

from worker.imaging.memory import picture_bytes
from worker.models.transforms import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]
IntBox = tuple[int, int, int, int]

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
_TRANSPOSED = {5, 6, 7, 8}  # stored columns are rows of the upright picture
# Against the upright picture, stored columns or rows run backwards.
_COLUMNS_REVERSED = {2, 3, 7, 8}
_ROWS_REVERSED = {3, 4, 6, 7}
# A box is only as exact as float32. Where few pixels make one, that can flip the rounding of all of
# them at once, and so move the result by two steps; a small picture is resized whole instead, which
# is torchvision's own way, unless it is so long and thin that this takes too much memory.
_SMALL = 1.5
_MOST_RESIZED = 3_000_000


@dataclass(frozen=True)
class Cut:
    """How the square comes out of a decoded picture, in the coordinates in which it is stored.

    Attributes:
        kept: Left, top, right and bottom of the pixels that are needed.
        box: The part of the kept pixels that is resized, in fractions of pixels.
        target: Width and height to which it is resized.
        corner: Left and top of the square in the resized picture.
        side: Length of the square's sides.
        rows_first: The rows are scaled before the columns.
        orientation: By EXIF, 1 to 8.
    """

    kept: IntBox
    box: Box
    target: Size
    corner: Size
    side: int
    rows_first: bool
    orientation: int

    def peak_bytes(self, depth: int) -> int:
        """How much memory `cut_square` takes at most, its argument included, in bytes.

        Args:
            depth: Bytes of a pixel of that argument.
        """
        width, height = self.kept[2] - self.kept[0], self.kept[3] - self.kept[1]
        between = (width, self.target[1]) if self.rows_first else (self.target[0], height)
        pictures = [picture_bytes(*size, depth) for size in ((width, height), between, self.target)]
        return pictures[1] + max(pictures[0], pictures[2])


def plan_cut(size: Size, orientation: int, shrink: int, recipe: Recipe) -> Cut:
    """Decide from the header which pixels are kept and resized.

    Args:
        size: Width and height as stored, in pixels.
        orientation: By EXIF, 1 to 8.
        shrink: What the decoder divides width and height by: 1, 2, 4 or 8.
        recipe: The transform.
    """
    crop = recipe.crop
    transposed = orientation in _TRANSPOSED
    target = resized(size, recipe)
    # round(), to even, is what CenterCrop does on the upright picture
    left, top = (round((length - crop) / 2) for length in target)
    if orientation in _COLUMNS_REVERSED:
        left = target[0] - crop - left
    if orientation in _ROWS_REVERSED:
        top = target[1] - crop - top
    rows_first = _rows_first(size[::-1] if transposed else size, recipe) is not transposed
    decoded = (shrunk_length(size[0], shrink), shrunk_length(size[1], shrink))
    if shrink == 1 and min(size) < _SMALL * recipe.resize and math.prod(target) < _MOST_RESIZED:
        whole = (0, 0, *decoded)
        return Cut(whole, whole, target, (left, top), crop, rows_first, orientation)
    x, y = size[0] / target[0] / shrink, size[1] / target[1] / shrink
    box = (left * x, top * y, (left + crop) * x, (top + crop) * y)
    kept = _needed(box, decoded, recipe)
    within = (box[0] - kept[0], box[1] - kept[1], box[2] - kept[0], box[3] - kept[1])
    return Cut(kept, within, (crop, crop), (0, 0), crop, rows_first, orientation)


def shrunk_length(length: int, shrink: int) -> int:
    """How long libjpeg leaves a length that it divides: it rounds up."""
    return -(-length // shrink)


def resized(size: Size, recipe: Recipe) -> Size:
    """Width and height after torchvision's Resize, which cuts the longer one to an integer."""
    longer = int(recipe.resize * max(size) / min(size))
    return (recipe.resize, longer) if size[0] <= size[1] else (longer, recipe.resize)


def _needed(box: Box, size: Size, recipe: Recipe) -> IntBox:
    """The pixels that resizing ``box`` reads.

    Cutting to them also keeps the box's numbers small, and so its float32 exact, in a panorama.
    """
    reach = 2 if recipe.interpolation == Image.Resampling.BICUBIC else 1
    margin_x = math.ceil(reach * max(1, (box[2] - box[0]) / recipe.crop)) + 1
    margin_y = math.ceil(reach * max(1, (box[3] - box[1]) / recipe.crop)) + 1
    return (
        max(0, math.floor(box[0]) - margin_x),
        max(0, math.floor(box[1]) - margin_y),
        min(size[0], math.ceil(box[2]) + margin_x),
        min(size[1], math.ceil(box[3]) + margin_y),
    )


def _rows_first(size: Size, recipe: Recipe) -> bool:
    """Whether Pillow, asked to resize the whole upright picture, would scale its rows first.

    It rounds to uint8 between the two passes, so their order shows in the result; which one it
    takes depends on the sizes, and resizing a part has other sizes than resizing the whole.
    """
    width, height = resized(size, recipe)
    loss = size[1] - height
    return loss > 0 and loss > 2 * (size[0] - width)


def cut_square(image: Image.Image, cut: Cut, recipe: Recipe) -> Image.Image:
    """Resize what the model looks at, one direction after the other, and turn it upright.

    Args:
        image: The kept pixels, in RGB or L. It is closed.
        cut: The plan by which they were kept.
        recipe: The transform.

    Returns:
        The square, in the image's mode.
    """
    left, top, right, bottom = cut.box
    width, height = cut.target
    if cut.rows_first:
        rows: Box = (0, top, image.width, bottom)
        image = successor(image, image.resize((image.width, height), recipe.interpolation, rows))
        square = image.resize(cut.target, recipe.interpolation, (left, 0, right, height))
    else:
        columns: Box = (left, 0, right, image.height)
        image = successor(image, image.resize((width, image.height), recipe.interpolation, columns))
        square = image.resize(cut.target, recipe.interpolation, (0, top, width, bottom))
    x, y = cut.corner
    if cut.target != (cut.side, cut.side):
        square = square.crop((x, y, x + cut.side, y + cut.side))
    return square if cut.orientation == 1 else square.transpose(_UPRIGHT[cut.orientation])


def successor(image: Image.Image, following: Image.Image) -> Image.Image:
    """Free a picture's memory as soon as another takes its place."""
    if following is not image:
        image.close()
    return following
