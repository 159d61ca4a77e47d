"""Decodes an AVIF."""

import io

from PIL import AvifImagePlugin, Image

from shared.errors import InvalidImage
from worker.imaging.formats.full_size import FullSizePhoto
from worker.imaging.formats.heif.av1_header import Av1Picture
from worker.imaging.formats.heif.avif_header import AvifHeader
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, picture_bytes, successor
from worker.imaging.transparency import on_white

# By default Pillow starts a thread for each processor, each with memory of its own; here several
# photos are decoded side by side.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Most memory of one pixel: a picture of 12 bits with all chroma, its grain and its alpha channel,
# what dav1d keeps for both of them, libavif's pixels and Pillow's.
PIXEL_BYTES = 33
# The file without metadata, and what Pillow makes of it while it opens it (measured).
_FILE_COPIES = 3
# dav1d rounds sides up to this many pixels.
_ALIGNED = 128
# What dav1d keeps beside the picture: for each pixel, and for each tile, the smallest of which has
# 64 x 64 pixels (measured: 0.45 bytes and 14.4 KB).
_BESIDE_PIXEL = 0.5
_TILE_BYTES, _TILE_SIDE, _MOST_TILES = 15_000, 64, 4_096


class Avif(FullSizePhoto[AvifHeader]):
    """An AVIF file whose header has been read."""

    holds_copy = True

    @property
    def kept_depth(self) -> int:
        """Bytes per pixel of the picture that `read` returns."""
        return 1 if self.header.picture.monochrome and not self.header.alpha else 4

    def peak_bytes(self, _: int, cut: IntBox) -> int:
        """Maximum memory of `read`, in bytes."""
        size = (cut[2] - cut[0], cut[3] - cut[1])
        kept = picture_bytes(*size, self.kept_depth)
        blended = 3 * kept + picture_bytes(*size, 1) if self.header.alpha else kept
        file = _FILE_COPIES * len(self.header.data)
        return max(self._whole_bytes(kept), blended) + file

    def _whole_bytes(self, kept: int = 0) -> int:
        """What decoder, libavif and Pillow hold of the whole picture until it is cut, in bytes."""
        pixels = self.pixels
        depth = 4 if self.header.alpha else 1 if self.header.picture.monochrome else 3
        image = picture_bytes(*self.size, self.kept_depth)
        # libavif's pixels and Pillow's copy of them; the copy and the picture; picture and cut
        copies = max(2 * pixels * depth, pixels * depth + image, image + kept)
        alpha = _planes(self.header.alpha) if self.header.alpha else 0
        return copies + _planes(self.header.picture) + alpha

    def read(self, _: int, cut: IntBox) -> Image.Image:
        """Decode and cut.

        Args:
            _: An AVIF is always decoded at full size.
            cut: Left, top, right and bottom of the kept part, in pixels.

        Returns:
            The cut picture as stored, in RGB or L, blended on white where it is transparent.

        Raises:
            InvalidImage: The decoder cannot decode the picture.
            MemoryError: The machine lacks memory.
        """
        try:
            image: Image.Image = AvifImagePlugin.AvifImageFile(io.BytesIO(self.header.data))
            image.load()
        except (OSError, ValueError, RuntimeError, SyntaxError) as error:
            # a lack of memory and damage are reported in the same way
            bytearray(self._whole_bytes())
            raise InvalidImage(CANNOT_BE_DECODED) from error
        if image.size != self.size:
            raise InvalidImage(CANNOT_BE_DECODED)
        # always a copy: the decoder's memory is only freed with its image
        image = successor(image, image.crop(cut))
        return successor(image, on_white(image)) if image.mode in {"LA", "RGBA"} else image


def _planes(picture: Av1Picture) -> int:
    """Memory of a decoded picture and of what the decoder keeps beside it, in bytes."""
    width, height = picture.size
    columns, rows = picture.subsampling
    samples = 1.0 if picture.monochrome else 1 + 2 / ((1 + columns) * (1 + rows))
    if picture.film_grain:
        samples *= 2
    stored = _up(width, _ALIGNED) * _ALIGNED * _up(height, _ALIGNED) * _ALIGNED
    sample_bytes = 1 if picture.depth == 8 else 2
    tiles = min(_MOST_TILES, _up(width, _TILE_SIDE) * _up(height, _TILE_SIDE))
    return int(stored * (samples * sample_bytes + _BESIDE_PIXEL)) + tiles * _TILE_BYTES


def _up(length: int, step: int) -> int:
    return -(-length // step)
