"""Decodes a HEIC with the optional package `pillow-heif`."""

from functools import cache
from types import ModuleType

import numpy as np
from PIL import Image

from shared.errors import InvalidImage
from shared.photo_formats import PhotoFormats
from worker.imaging.formats.full_size import FullSizePhoto
from worker.imaging.formats.heif.heic_header import HeicHeader, HevcPicture
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, picture_bytes, successor
from worker.imaging.transparency import on_white
from worker.models.weights import ModelUnavailable

# Most memory of one pixel while it is decoded, by chroma format and by whether samples have more
# than 8 bits (measured, for the matrix of colours that takes most; a tenth more).
_DECODED = {
    (0, False): 3.0,
    (1, False): 9.6,
    (2, False): 10.2,
    (3, False): 12.6,
    (0, True): 9.0,
    (1, True): 13.3,
    (2, True): 15.0,
    (3, True): 17.2,
}
_ALPHA_BYTES = {False: 3.0, True: 5.5}
# Samples of one pixel.
_SAMPLES = {0: 1.0, 1: 1.5, 2: 2.0, 3: 3.0}
# The most of all: all chroma and more than 8 bits, in the picture and in its alpha channel.
PIXEL_BYTES = 31
# The file without metadata, and the copies of libheif and libde265.
_FILE_COPIES = 3
# What libde265 keeps beside a decoded picture for each pixel, and for each slice.
_BESIDE_PIXEL, _SLICE_BYTES = 1.0, 8_192

REQUIREMENTS = "worker/requirements-heic.txt"


@cache
def heic_decoder() -> ModuleType:
    """The package `pillow_heif`, which is imported only where HEICs are accepted.

    Raises:
        ImportError: It is not installed.
    """
    import pillow_heif  # noqa: PLC0415 - an extra, under another licence

    # Tiles are decoded one after the other: here several photos are decoded side by side.
    pillow_heif.options.DECODE_THREADS = 0
    pillow_heif.options.DISABLE_SECURITY_LIMITS = False
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return pillow_heif


def check_heic(formats: PhotoFormats) -> None:
    """Refuse to accept HEICs without their decoder.

    Raises:
        ModelUnavailable: Says what to install.
    """
    if "heic" not in formats.accepted:
        return
    try:
        heic_decoder()
    except ImportError as error:
        raise ModelUnavailable(
            "PHOTO_FORMATS contains heic, but pillow-heif is not installed: run "
            f"`pip install -r {REQUIREMENTS}`"
        ) from error


class Heic(FullSizePhoto[HeicHeader]):
    """A HEIC file whose header has been read."""

    holds_copy = True

    def pixels_to_decode(self, _: int) -> int:
        """The cost of decoding in pixels, also of those that are not shown."""
        pictures = (self.header.picture, self.header.alpha)
        return max(_pixels_to_decode(picture) for picture in pictures if picture)

    @property
    def kept_depth(self) -> int:
        """Bytes per pixel of the picture that `read` returns."""
        return 1 if self.header.picture.config.chroma == 0 and not self.header.alpha else 4

    def peak_bytes(self, _: int, cut: IntBox) -> int:
        """Maximum memory of `read`, in bytes."""
        kept = (cut[2] - cut[0]) * (cut[3] - cut[1])
        whole = self._whole_bytes()
        if self.header.alpha:  # the cut, its copy if it is multiplied with alpha, and blending
            depth, cutting = 4, 4 * picture_bytes(cut[2] - cut[0], cut[3] - cut[1], 4) + 2 * kept
        else:
            depth = 1 if self.kept_depth == 1 else 3
            cutting = depth * kept + picture_bytes(
                cut[2] - cut[0], cut[3] - cut[1], self.kept_depth
            )
        width, height = self.header.picture.size
        planes = _SAMPLES[self.header.picture.config.chroma] * _sample_bytes(self.header.picture)
        returned = int(width * height * (depth + planes + _BESIDE_PIXEL)) + depth * kept
        return max(whole, returned, cutting) + _FILE_COPIES * len(self.header.data)

    def _whole_bytes(self) -> int:
        """What libde265, libheif and pillow-heif hold of the whole picture, in bytes."""
        picture, alpha = self.header.picture, self.header.alpha
        deep = _sample_bytes(picture) == 2 or (alpha is not None and _sample_bytes(alpha) == 2)
        # a grey picture with an alpha channel becomes one of colours
        pixel = _DECODED[max(picture.config.chroma, 1 if alpha else 0), deep]
        decoders = _beside_bytes(picture)
        if alpha:
            more = 2 * (_SAMPLES[alpha.config.chroma] - 1) * _sample_bytes(alpha)
            pixel += _ALPHA_BYTES[deep] + more
            decoders += _beside_bytes(alpha)
        pixels = picture.size[0] * picture.size[1] if picture.grid else picture.coded_pixels
        return int(pixels * pixel) + decoders

    def read(self, _: int, cut: IntBox) -> Image.Image:
        """Decode and cut.

        Args:
            _: A HEIC is always decoded at full size.
            cut: Left, top, right and bottom of the kept part, in pixels.

        Returns:
            The cut picture as stored, in RGB or L, blended on white where it is transparent.

        Raises:
            InvalidImage: The decoder cannot decode the picture.
            MemoryError: The machine lacks memory.
        """
        try:
            file = heic_decoder().open_heif(self.header.data, convert_hdr_to_8bit=True)
            picture = file[file.primary_index]
            whole = np.asarray(picture)
        except (OSError, ValueError, RuntimeError, SyntaxError, EOFError) as error:
            # a lack of memory and damage are reported in the same way
            bytearray(self._whole_bytes())
            raise InvalidImage(CANNOT_BE_DECODED) from error
        if picture.size != self.header.picture.size or whole.shape[:2][::-1] != picture.size:
            raise InvalidImage(CANNOT_BE_DECODED)
        left, top, _, _ = self.header.aperture
        mode = picture.mode
        kept = whole[top + cut[1] : top + cut[3], left + cut[0] : left + cut[2]].copy()
        del file, picture, whole  # frees the decoder's memory
        image = Image.frombuffer(mode, kept.shape[1::-1], kept, "raw", mode, 0, 1)
        if mode == "RGBa":
            image = successor(image, image.convert("RGBA"))
        return successor(image, on_white(image)) if image.mode in {"LA", "RGBA"} else image


def _pixels_to_decode(picture: HevcPicture) -> int:
    """The cost of decoding a picture or alpha channel in pixels.

    Tiles at the right and at the bottom of a grid may be cut off; up to a third more is not
    counted, as phones choose the tiles' size, and only one tile is kept beside the picture.
    """
    if not picture.grid:
        return picture.coded_pixels
    return max(picture.size[0] * picture.size[1], picture.coded_pixels * 3 // 4)


def _sample_bytes(picture: HevcPicture) -> int:
    return 1 if picture.config.depth == 8 else 2


def _beside_bytes(picture: HevcPicture) -> int:
    """What is kept for a picture's slices, and beside a grid for one of its tiles, in bytes."""
    slices = max(len(tile) // 2 for tile in picture.tiles) * _SLICE_BYTES
    if not picture.grid:
        return slices
    tile = picture.config.coded[0] * picture.config.coded[1]
    of_pixel = 2 * _SAMPLES[picture.config.chroma] * _sample_bytes(picture) + _BESIDE_PIXEL
    return slices + int(tile * of_pixel)
