"""Decodes a PNG."""

import io
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from shared.errors import InvalidImage
from worker.imaging.formats.full_size import FullSizePhoto
from worker.imaging.formats.png_chunks import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, PngHeader
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY
from worker.imaging.resize_and_crop import IntBox, picture_bytes, successor
from worker.imaging.transparency import on_white

# The setting MAX_PIXELS is the limit; Pillow's own limit would raise an error during a crop.
Image.MAX_IMAGE_PIXELS = None

_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_BLOCK = 64 * 1024
# The passes of Adam7: first column and row, and steps between columns and rows.
_INTERLACED = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


class Png(FullSizePhoto[PngHeader]):
    """A PNG file whose header has been read."""

    def peak_bytes(self, _: int, cut: IntBox) -> int:
        """Maximum memory of `read`, in bytes."""
        size = (cut[2] - cut[0], cut[3] - cut[1])
        depth = self._pillow_depth
        kept = picture_bytes(*size, depth)
        as_colours, as_grey = picture_bytes(*size, 4), picture_bytes(*size, 1)
        if self._is_grey_with_alpha:
            result = 3 * as_grey  # brightness, alpha, and the blended picture
        elif self._may_be_transparent:  # a copy with alpha if needed; then the same three
            result = (0 if self.header.color == RGBA else as_colours) + 2 * as_colours + as_grey
        elif self.header.depth == 16 and self.header.color == GREY:
            result = 2 * kept  # Pillow copies it into an array
        elif self.header.depth == 1 or self.header.color == PALETTE:
            result = as_grey if self.header.color == GREY else as_colours
        else:
            result = 0
        raw_row = -(-self.size[0] * _CHANNELS[self.header.color] * self.header.depth // 8)
        rows = 2 * raw_row + (depth + 1) * self.size[0]  # two to decode, one to be checked
        # What follows the last row among the pixels is read at once, in blocks that are joined.
        surplus = 2 * self.header.length
        whole = picture_bytes(*self.size, depth)
        return max(whole + max(kept, rows, surplus), kept + result) + self.header.length

    @property
    def kept_depth(self) -> int:
        """Bytes per pixel of the picture that `read` returns."""
        grey = self.header.color == GREY and not self.header.has_transparency
        return 1 if grey or self._is_grey_with_alpha else 4

    @property
    def _is_grey_with_alpha(self) -> bool:
        return self.header.color == GREY_ALPHA and self.header.depth == 8

    @property
    def _pillow_depth(self) -> int:
        """Bytes per pixel of the decoded file in Pillow."""
        if self.header.color == GREY:
            return 2 if self.header.depth == 16 else 1
        return 1 if self.header.color == PALETTE else 4

    @property
    def _may_be_transparent(self) -> bool:
        return self.header.color in {GREY_ALPHA, RGBA} or self.header.has_transparency

    def read(self, _: int, cut: IntBox) -> Image.Image:
        """Decode and cut.

        Args:
            _: A PNG is always decoded at full size.
            cut: Left, top, right and bottom of the kept part, in pixels.

        Returns:
            The cut picture as stored, in RGB or L, blended on white where it is transparent.

        Raises:
            InvalidImage: Rows are missing.
            Exception: Any exception of Pillow; call this method within `refusals`.
        """
        image: Image.Image = PngImageFile(io.BytesIO(self.header.data))
        if image.size != self.size:
            raise InvalidImage(CANNOT_BE_DECODED)
        image.load()
        self._check_rows(image)
        if cut != (0, 0, *self.size):
            image = successor(image, image.crop(cut))
        return _opaque(image, self.header.depth)

    def _check_rows(self, image: Image.Image) -> None:
        """Refuse a picture with missing rows, which Pillow leaves black.

        The data is decompressed again only if the last rows are black. With Adam7 the row before
        the last row may be the last in the file.
        """
        width, height = self.size
        last_rows = range(max(0, height - 2), height)
        if not any(_is_black(image.crop((0, row, width, row + 1))) for row in last_rows):
            return
        missing = self._bytes_of_rows()
        inflate = zlib.decompressobj()
        for block in self._blocks():
            tail: bytes | memoryview = block
            while tail and missing > 0 and not inflate.eof:
                try:
                    missing -= len(inflate.decompress(tail, _BLOCK))
                except zlib.error:  # Pillow did not notice it, so it is after the last row
                    return
                tail = inflate.unconsumed_tail
        if missing > 0:
            raise InvalidImage(ENDS_TOO_EARLY)

    def _blocks(self) -> Iterator[memoryview]:
        """The compressed pixels in small blocks, because zlib copies the rest of a block."""
        for content in self.header.pixels():
            for start in range(0, len(content), _BLOCK):
                yield content[start : start + _BLOCK]

    def _bytes_of_rows(self) -> int:
        """Size of the decompressed data in bytes if no row is missing."""
        width, height = self.size
        bits = _CHANNELS[self.header.color] * self.header.depth
        sizes = [(width, height)]
        if self.header.interlaced:
            sizes = [
                ((width - x + dx - 1) // dx, (height - y + dy - 1) // dy)
                for x, y, dx, dy in _INTERLACED
            ]
        return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)


def _is_black(image: Image.Image) -> bool:
    """Whether every sample is 0, alpha included."""
    return not np.any(image.getextrema())


def _opaque(image: Image.Image, depth: int) -> Image.Image:
    """The picture in RGB or L, blended on white."""
    key = image.info.get("transparency")
    if image.mode == "I;16":  # Pillow would clip it to white; other viewers show the high byte
        words = np.asarray(image, "<u2")
        image.close()
        high = np.ascontiguousarray(words.view(np.uint8)[:, 1::2])
        if key is not None:
            high[words == key] = 255
        return Image.fromarray(high)
    if image.mode in {"RGB", "L"} and key is None:
        return image
    if key is None and image.mode not in {"LA", "RGBA"}:
        return successor(image, image.convert("L" if image.mode == "1" else "RGB"))
    if (
        image.mode == "L" and key is not None and depth < 8
    ):  # the key is an unscaled sample; Pillow's pixels are scaled to 255
        image.info["transparency"] = key * 255 // (2**depth - 1)
    if image.mode not in {"LA", "RGBA"}:
        image = successor(image, image.convert("RGBA"))
    return successor(image, on_white(image))
