"""Decodes a WebP."""

import io

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from shared.errors import InvalidImage
from worker.imaging.formats.full_size import FullSizePhoto
from worker.imaging.formats.webp_chunks import WebpHeader
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, picture_bytes, successor
from worker.imaging.transparency import on_white

# libwebp's canvas and the previous one, Pillow's copy of the canvas, and its picture: 4 each.
PIXEL_BYTES = 16
# The copy of the canvas is freed before the picture is cut.
_COPY_BYTES = 4
# While it decodes without loss: two canvases, its own pixels, and pictures of parameters.
_LOSSLESS_BYTES = 14
# Each block of 4 x 4 pixels may have codes of its own. Their tables take at most 5,004 entries of
# four bytes and a structure of 568; a code of 4 bits in the file makes 256 entries.
_BLOCK_SIDE, _MOST_CODES, _CODES_BYTES, _TABLES_PER_BYTE = 4, 65_536, 20_600, 2_300
# The file without metadata, and what Pillow makes of it while it opens it (measured).
_FILE_COPIES = 3


class Webp(FullSizePhoto[WebpHeader]):
    """A WebP file whose header has been read."""

    holds_copy = True
    kept_depth = 4

    def peak_bytes(self, _: int, cut: IntBox) -> int:
        """Maximum memory of `read`, in bytes."""
        size = (cut[2] - cut[0], cut[3] - cut[1])
        kept, alpha = picture_bytes(*size, 4), picture_bytes(*size, 1)
        blended = 3 * kept + alpha if self.header.transparent else kept
        pixels = self.pixels
        cutting = pixels * (PIXEL_BYTES - _COPY_BYTES) + kept
        lossless = pixels * _LOSSLESS_BYTES + self._tables_bytes()
        file = _FILE_COPIES * len(self.header.data)
        return max(pixels * PIXEL_BYTES, cutting, blended, lossless) + file

    def _tables_bytes(self) -> int:
        """Maximum memory of the tables of codes, in bytes; the header does not say how many."""
        width, height = (-(-length // _BLOCK_SIDE) for length in self.size)
        most = min(_MOST_CODES, width * height) * _CODES_BYTES
        return min(most, self.header.lossless_bytes * _TABLES_PER_BYTE)

    def read(self, _: int, cut: IntBox) -> Image.Image:
        """Decode and cut.

        Args:
            _: A WebP is always decoded at full size.
            cut: Left, top, right and bottom of the kept part, in pixels.

        Returns:
            The cut picture as stored, in RGB, blended on white where it is transparent.

        Raises:
            InvalidImage: libwebp cannot decode the picture.
            MemoryError: The machine lacks memory.
        """
        try:
            image: Image.Image = WebPImageFile(io.BytesIO(self.header.data))
            image.load()
        except (OSError, EOFError) as error:
            # libwebp reports a lack of memory and damage in the same way
            bytearray(self.pixels * PIXEL_BYTES)
            raise InvalidImage(CANNOT_BE_DECODED) from error
        if image.size != self.size:
            raise InvalidImage(CANNOT_BE_DECODED)
        # always a copy: the decoder's memory is only freed with its image
        image = successor(image, image.crop(cut))
        return successor(image, on_white(image)) if image.mode == "RGBA" else image
