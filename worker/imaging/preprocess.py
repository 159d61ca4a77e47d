"""Turns a photo's bytes into the square of pixels that the model takes.

The result is that of torchvision's transform on the upright RGB picture, within one step of uint8,
unless the JPEG decoder reduces the picture (see `DRAFT_FACTOR`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidImage, ServiceError, UnsupportedMediaType
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats, format_of
from worker.imaging.formats.avif import Avif
from worker.imaging.formats.heic import Heic
from worker.imaging.formats.heif.avif_header import read_avif_header
from worker.imaging.formats.heif.heic_header import read_heic_header
from worker.imaging.formats.jpeg import Jpeg
from worker.imaging.formats.jpeg_header import read_jpeg_header
from worker.imaging.formats.png import Png
from worker.imaging.formats.png_chunks import read_png_header
from worker.imaging.formats.webp import Webp
from worker.imaging.formats.webp_chunks import read_webp_header
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY, is_out_of_memory
from worker.imaging.resize_and_crop import Cut, cut_square, plan_cut, resized
from worker.models.transforms import Recipe

DRAFT_FACTOR = 4
"""libjpeg may reduce a JPEG by 2, 4 or 8, but not below this many times the size of the resize.

Measured on 96 views of 16 photos, scaled up to 12 megapixels with sensor noise, with ResNet-50 in
fp32, against the same photos decoded at full size:

======  ====================  =====  ==============  ==============
factor  mean change (of 255)  top 1  top 3 in order  preprocessing
======  ====================  =====  ==============  ==============
2       0.22                  95.8%  83.3%           30 ms
3, 4    0.12                  99.0%  88.5%           39 ms
none    0                     100%   100%            71 ms
======  ====================  =====  ==============  ==============

With 4, a photo is decoded at full size unless its shorter side has at least eight times the size
of the resize, 1,856 pixels.
"""


WORKING_BYTES = 2 * 1024 * 1024  # row buffers, tables, the square, and rounding of allocators


Photo = Jpeg | Png | Webp | Avif | Heic


def preprocess(
    data: bytes, recipe: Recipe, max_pixels: int, formats: PhotoFormats = DEFAULT_FORMATS
) -> NDArray[np.uint8]:
    """Decode a photo and cut out the square that the model sees.

    A valid EXIF orientation is applied. Transparent pixels are blended on white, as in image
    viewers (docs/decisions/0018). 16-bit samples keep their high byte.

    Args:
        data: A photo in an accepted format.
        recipe: The transform that belongs to the weights.
        max_pixels: The setting `MAX_PIXELS`; see `decode_cost`.
        formats: The accepted formats.

    Returns:
        RGB, uint8, shape (crop, crop, 3), not normalized.

    Raises:
        UnsupportedMediaType: The file does not begin like one in an accepted format.
        InvalidImage: The photo is truncated, corrupt, or exceeds a limit.
        MemoryError: The machine lacks memory.
    """
    return plan(data, recipe, max_pixels, formats).pixels()


def decode_cost(
    data: bytes, max_pixels: int, recipe: Recipe, formats: PhotoFormats = DEFAULT_FORMATS
) -> int:
    """Peak memory of `preprocess`, computed from the header.

    Args:
        data: A photo in an accepted format.
        max_pixels: Maximum of width times height. A JPEG that libjpeg reduces while decoding may
            have more pixels if it does not cost more: see `Jpeg.pixels_to_decode`.
        recipe: The transform that belongs to the weights.
        formats: The accepted formats.

    Returns:
        Bytes.

    Raises:
        UnsupportedMediaType: As for `preprocess`.
        InvalidImage: As for `preprocess`, if the header shows it.
    """
    return plan(data, recipe, max_pixels, formats).peak_bytes


@dataclass(frozen=True)
class Plan:
    """How to preprocess a photo, by its header; see `preprocess`.

    Attributes:
        photo: What its header says.
        shrink: The factor by which the decoder reduces it.
        cut: Which of its pixels are kept and resized.
        recipe: The transform.
        peak_bytes: Peak memory of `pixels`, in bytes.
    """

    photo: Photo
    shrink: int
    cut: Cut
    recipe: Recipe
    peak_bytes: int

    def pixels(self) -> NDArray[np.uint8]:
        """The result of `preprocess`, which says what is raised."""
        with refusals():
            picture = self.photo.read(self.shrink, self.cut.kept)
            square = cut_square(picture, self.cut, self.recipe)
            return np.asarray(square if square.mode == "RGB" else square.convert("RGB"))


def plan(
    data: bytes, recipe: Recipe, max_pixels: int, formats: PhotoFormats = DEFAULT_FORMATS
) -> Plan:
    """Read a photo's header; arguments and errors are those of `preprocess`."""
    with refusals():
        photo = open_photo(data, formats)
        shrink = _shrink(photo, recipe, max_pixels)
        cut = plan_cut(photo.size, photo.orientation, shrink, recipe)
        decoder = photo.peak_bytes(shrink, cut.kept)
        peak_bytes = max(decoder, cut.peak_bytes(photo.kept_depth)) + WORKING_BYTES
        return Plan(photo, shrink, cut, recipe, peak_bytes)


def _shrink(photo: Photo, recipe: Recipe, max_pixels: int) -> int:
    """The factor by which libjpeg reduces the photo: 1, 2, 4 or 8.

    Raises:
        InvalidImage: Decoding the photo costs more than `MAX_PIXELS` allows.
    """
    width, height = photo.size
    shrink = 1
    if photo.can_shrink:
        target = resized(photo.size, recipe)
        possible = min(width // target[0], height // target[1]) // DRAFT_FACTOR
        shrink = next(factor for factor in (8, 4, 2, 1) if possible >= factor or factor == 1)
    if photo.pixels_to_decode(shrink) > max_pixels:
        raise InvalidImage(
            f"The photo has {width} x {height} pixels; at most {max_pixels} in all are allowed."
            " Send a smaller one."
        )
    return shrink


def open_photo(data: bytes, formats: PhotoFormats = DEFAULT_FORMATS) -> Photo:
    """Read a photo's header, not its pixels; metadata is neither decompressed nor kept.

    Args:
        data: A photo in an accepted format.
        formats: The accepted formats.

    Raises:
        UnsupportedMediaType: The file does not begin like one in an accepted format.
        InvalidImage: The header is damaged, or the file has more parts than any encoder writes.
    """
    found = format_of(data)
    if found == "jpeg":
        return Jpeg(data, read_jpeg_header(data))
    if found == "png":
        return Png(read_png_header(data))
    if found == "webp" and found in formats.accepted:
        return Webp(read_webp_header(data))
    if found == "avif" and found in formats.accepted:
        return Avif(read_avif_header(data))
    if found == "heic" and found in formats.accepted:
        return Heic(read_heic_header(data))
    raise UnsupportedMediaType(f"The content is {formats.neither}. Convert it to {formats.either}.")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a decoder's exceptions into an error for the photo.

    Raises:
        InvalidImage: In place of every exception that is not a `ServiceError`.
        MemoryError: This machine has too little memory. This is not the photo's fault: its size
            was checked before, and another worker can decode it.
    """
    try:
        yield
    except (ServiceError, MemoryError):
        raise
    # Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error and, for
    # fuzzed bytes, other exceptions of its Python code. All of them mean that the file is invalid.
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        truncated = "truncated" in str(error).lower()
        raise InvalidImage(ENDS_TOO_EARLY if truncated else CANNOT_BE_DECODED) from error
