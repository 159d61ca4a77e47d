"""A PNG: what its header says, and its pixels."""

import io
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from shared.errors import InvalidImage
from worker.imaging.crop import IntBox, Size, successor
from worker.imaging.memory import picture_bytes
from worker.imaging.png_chunks import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, PngHeader
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY

# MAX_PIXELS is the limit; Pillow's own would refuse in the middle of a crop.
Image.MAX_IMAGE_PIXELS = None

_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_BLOCK = 64 * 1024
# Adam7: first column and row, and steps between columns and rows, of each pass.
_INTERLACED = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


@dataclass(frozen=True)
class Png:
    """A PNG file whose header has been read.

    Attributes:
        header: What its chunks say, and those of them that decide.
    """

    header: PngHeader

    can_shrink = False

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels."""
        return self.header.size

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""
        return self.header.orientation

    def pixels_to_decode(self, _: int) -> int:
        """What decoding costs, in pixels: all of them."""
        return self.size[0] * self.size[1]

    def peak_bytes(self, _: int, cut: IntBox) -> int:
        """How much memory `read` takes at most, in bytes."""
        size = (cut[2] - cut[0], cut[3] - cut[1])
        depth = self._pillow_depth
        kept = picture_bytes(*size, depth)
        as_colours, as_grey = picture_bytes(*size, 4), picture_bytes(*size, 1)
        if self._is_grey_with_alpha:
            result = 3 * as_grey  # brightness, alpha, and both blended
        elif self._may_be_transparent:  # with alpha, unless it has some; then the same three
            result = (0 if self.header.color == RGBA else as_colours) + 2 * as_colours + as_grey
        elif self.header.depth == 16 and self.header.color == GREY:
            result = 2 * kept  # Pillow's way to an array
        elif self.header.depth == 1 or self.header.color == PALETTE:
            result = as_grey if self.header.color == GREY else as_colours
        else:
            result = 0
        raw_row = -(-self.size[0] * _CHANNELS[self.header.color] * self.header.depth // 8)
        rows = 2 * raw_row + (depth + 1) * self.size[0]  # two to decode, one to be checked
        whole = picture_bytes(*self.size, depth)
        return max(whole + max(kept, rows), kept + result) + len(self.header.data)

    @property
    def kept_depth(self) -> int:
        """Bytes in which Pillow keeps a pixel of what `read` returns."""
        grey = self.header.color == GREY and not self.header.has_transparency
        return 1 if grey or self._is_grey_with_alpha else 4

    @property
    def _is_grey_with_alpha(self) -> bool:
        return self.header.color == GREY_ALPHA and self.header.depth == 8

    @property
    def _pillow_depth(self) -> int:
        """Bytes in which Pillow keeps a pixel of the file."""
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
            cut: Left, top, right and bottom of what is kept, in pixels.

        Returns:
            The cut picture as stored, in RGB or L, blended on white where it is transparent.

        Raises:
            InvalidImage: Rows are missing.
            Exception: What Pillow raises; call this within `refusals`.
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
        """Refuse a picture whose data ends before its rows do: Pillow leaves those black.

        Only where the last rows are black is this worth inflating the data again. In Adam7's order
        the row before the last one may be the last to come.
        """
        width, height = self.size
        last_rows = range(max(0, height - 2), height)
        if not any(_is_black(image.crop((0, row, width, row + 1))) for row in last_rows):
            return
        missing = self._bytes_of_rows()
        inflate = zlib.decompressobj()
        for part in self.header.pixels:
            tail = self.header.data[part]
            while tail and missing > 0 and not inflate.eof:
                try:
                    missing -= len(inflate.decompress(tail, _BLOCK))
                except zlib.error:  # damage that Pillow did not meet lies behind the last row
                    return
                tail = inflate.unconsumed_tail
        if missing > 0:
            raise InvalidImage(ENDS_TOO_EARLY)

    def _bytes_of_rows(self) -> int:
        """How many bytes the data inflates to where no row is missing."""
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
    """The same picture in RGB or L, on white."""
    key = image.info.get("transparency")
    if image.mode == "I;16":  # Pillow would clip it to white; the high byte is what others show
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
    ):  # the key is a sample, Pillow's pixels are scaled to 255
        image.info["transparency"] = key * 255 // (2**depth - 1)
    if image.mode not in {"LA", "RGBA"}:
        image = successor(image, image.convert("RGBA"))
    return successor(image, _on_white(image))


def _on_white(image: Image.Image) -> Image.Image:
    """A picture in LA or RGBA blended on white, as viewers show it."""
    alpha = image.getchannel("A")
    mode = "L" if image.mode == "LA" else "RGB"
    colors = image.convert(mode)
    if alpha.getextrema() == (255, 255):
        return colors
    white = Image.new(mode, image.size, "white")
    white.paste(colors, mask=alpha)
    return white
