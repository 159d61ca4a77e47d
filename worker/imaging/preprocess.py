"""Bytes of a photo → the square of pixels that the model takes.

The result is what torchvision's transform gives on the upright RGB picture, within one step of
uint8, wherever the JPEG decoder is not asked for a smaller picture (see `DRAFT_FACTOR`).
"""

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from worker.imaging.crop import cut_square, resized
from worker.imaging.decode import open_photo, refusals
from worker.models.transforms import Recipe

DRAFT_FACTOR = 4
"""libjpeg may shrink a JPEG by 2, 4 or 8 as it decodes, to this many times the resize or more.

Measured on 96 views of 16 photos, scaled up to 12 megapixels with sensor noise, with ResNet-50 in
fp32, against the same photos decoded at full size:

======  ====================  =====  ==============  ==============
factor  mean change (of 255)  top 1  top 3 in order  preprocessing
======  ====================  =====  ==============  ==============
2       0.22                  95.8%  83.3%           30 ms
3, 4    0.12                  99.0%  88.5%           39 ms
none    0                     100%   100%            71 ms
======  ====================  =====  ==============  ==============

At 4 a photo is decoded in full until its shorter side has eight times the resize, 1,856 pixels.
"""

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # Pillow keeps every other mode in 4


def preprocess(data: bytes, recipe: Recipe, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a photo and cut out what the model looks at.

    An EXIF orientation is applied; a broken one is ignored. Alpha is dropped, not blended: that is
    what `convert("RGB")` does, and so what models trained with torchvision have seen. 16-bit grey
    keeps its high byte, as Pillow does in 16-bit colour; `convert` would clip it to white.

    Args:
        data: A JPEG or PNG file.
        recipe: The transform that belongs to the weights.
        max_pixels: Width times height that the header may announce.

    Returns:
        RGB, shape (crop, crop, 3), not normalised.

    Raises:
        UnsupportedMediaType: The bytes begin as neither JPEG nor PNG.
        InvalidImage: Truncated, corrupt, or past a limit.
    """
    with refusals():
        image, _ = open_photo(data, max_pixels)
        size = image.size
        shrink = _draft(image, recipe)
        image.load()
        square = cut_square(image, size, shrink, recipe)
        return np.asarray(square if square.mode == "RGB" else square.convert("RGB"))


def decode_cost(data: bytes, max_pixels: int, recipe: Recipe | None = None) -> int:
    """How much memory `preprocess` takes at its peak, from the header alone.

    Args:
        data: A JPEG or PNG file.
        max_pixels: As for `preprocess`.
        recipe: As for `preprocess`; without one, a JPEG counts as decoded at full size.

    Returns:
        Bytes: pictures as Pillow keeps them, and libjpeg's coefficients. What else there is takes
        a few megabytes at most.

    Raises:
        UnsupportedMediaType: As `preprocess`.
        InvalidImage: As `preprocess`, as far as the header tells.
    """
    with refusals():
        image, scans = open_photo(data, max_pixels)
        full = image.width * image.height
        # Several scans make libjpeg hold every coefficient, two bytes each, at full size.
        coefficients = 2 * full * len(image.getbands()) if scans > 1 else 0
        if recipe:
            _draft(image, recipe)
        depth = _BYTES_PER_PIXEL.get(image.mode, 4)
        # The picture, and beside it the copy that is turned upright, cropped or converted.
        return image.width * image.height * (depth + max(depth, 4)) + coefficients


def _draft(image: ImageFile, recipe: Recipe) -> float:
    """Let libjpeg shrink while it decodes; returns by how much: 1, 2, 4 or 8."""
    stored = image.width
    width, height = resized(image.size, recipe)
    drafted = image.draft(None, (DRAFT_FACTOR * width, DRAFT_FACTOR * height))
    return stored / drafted[1][2] if drafted else 1.0
