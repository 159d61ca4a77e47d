"""Decodes a JPEG.

simplejpeg decodes with libjpeg-turbo, from memory. The decoder ignores all metadata except the two
segments with the colour space. In strict mode it reports missing scan data, which Pillow does not;
see docs/decisions/0017.
"""

import math
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from shared.errors import InvalidImage
from worker.imaging.formats.jpeg_header import END_OF_IMAGE, JpegHeader, plain_header
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY, is_out_of_memory
from worker.imaging.resize_and_crop import IntBox, Size, picture_bytes, shrunk_length

# libjpeg's messages, from its jerror.h; simplejpeg reports the first warning.
_NO_END = "Premature end of JPEG file"
_SCAN_DATA_MISSING = "premature end of data segment"
# The warnings, by how they begin; any other message is of an error, which ended the decoding.
_WARNINGS = (
    "Corrupt JPEG data",
    "Inconsistent progression sequence",
    "Invalid SOS parameters for sequential JPEG",
    "Unknown Adobe color transform",
    "Warning: unknown JFIF revision",
)

_COLOR_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}


@dataclass(frozen=True)
class Jpeg:
    """A JPEG file whose header has been read.

    Attributes:
        data: The whole file.
        header: The content of its segments.
    """

    data: bytes
    header: JpegHeader

    holds_copy = False

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels."""
        return self.header.size

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""
        return self.header.orientation

    @property
    def can_shrink(self) -> bool:
        """Whether libjpeg can decode at a reduced size; lossless frames have no DCT to do so."""
        return not self.header.lossless

    def pixels_to_decode(self, shrink: int) -> int:
        """The cost of decoding, as the number of pixels that cost as much at full size.

        At a reduced size libjpeg still reads every coefficient. This takes 3 ms per megapixel; a
        PNG takes 33 ms and a JPEG at full size 5 to 11 ms (measured on 48 megapixels). With several
        scans, libjpeg keeps all coefficients; 8 bytes of them count as one pixel.
        """
        width, height = self.size
        if shrink == 1:
            return width * height
        decoded = math.prod(shrunk_length(length, shrink) for length in self.size)
        return decoded + max(width * height, self.header.coefficient_bytes) // 8

    @property
    def kept_depth(self) -> int:
        """Bytes per pixel of the picture that `read` returns."""
        return 1 if self.header.components == 1 else 4

    def peak_bytes(self, shrink: int, cut: IntBox) -> int:
        """Maximum memory of `read`, in bytes."""
        depth = self.header.components
        width, height = (shrunk_length(length, shrink) for length in self.size)
        kept_width, kept_height = cut[2] - cut[0], cut[3] - cut[1]
        kept = kept_width * kept_height * depth
        as_image = picture_bytes(kept_width, kept_height, self.kept_depth)
        converted = as_image if depth == 4 else 0
        decoded = width * height * depth + 8 * height
        mended = len(self.data)  # a copy with an end marker, or with a header without errors
        decoding = self.header.coefficient_bytes + decoded + mended
        if self._copied_once(shrink):
            return max(decoding, decoded + as_image)
        return max(decoding, decoded + mended + kept, kept + as_image + converted)

    def _copied_once(self, shrink: int) -> bool:
        """Whether the cut is copied from the decoded picture, not from a copy of the cut.

        Of a large photo, both pictures together would not fit into the memory that a heap keeps.
        """
        return self.header.components == 3 and shrink == 1

    def read(self, shrink: int, cut: IntBox) -> Image.Image:
        """Decode and cut.

        Args:
            shrink: 1, 2, 4 or 8: libjpeg divides width and height by this number and rounds up.
            cut: Left, top, right and bottom of the kept part, in pixels of the decoded picture.

        Returns:
            The cut picture as stored, in RGB or L.

        Raises:
            InvalidImage: Scan data is missing, or libjpeg cannot decode it.
        """
        if not self.header.components_complete:
            raise InvalidImage(ENDS_TOO_EARLY)
        pixels = self._decode(shrink)
        left, top, right, bottom = cut
        if self._copied_once(shrink):
            row = pixels.shape[1] * 3
            first = pixels.reshape(-1)[top * row + left * 3 :]
            size = (right - left, bottom - top)
            return Image.frombuffer("RGB", size, first, "raw", "RGB", row, 1)
        kept = np.ascontiguousarray(pixels[top:bottom, left:right])
        del pixels
        if self.header.components == 1:
            return Image.fromarray(kept[:, :, 0])
        if self.header.components == 3:
            return Image.fromarray(kept)
        # CMYK files contain inverted inks, as Adobe's programs write them.
        inks = Image.fromarray(255 - kept, "CMYK")
        return inks.convert("RGB")

    def _decode(self, shrink: int) -> NDArray[np.uint8]:
        """The pixels, shape (height, width, components)."""
        try:
            return self._strictly(self.data, shrink)
        except ValueError as error:
            warning = str(error)
        if warning == _NO_END:
            return self._without_end(shrink)
        if _SCAN_DATA_MISSING in warning:
            raise InvalidImage(ENDS_TOO_EARLY)
        # Another warning hides the following ones. Most warnings are about the header.
        plain = plain_header(self.data, self.header)
        try:
            return self._strictly(plain, shrink)
        except ValueError as error:
            warning = str(error)
        if _SCAN_DATA_MISSING in warning or warning == _NO_END:
            raise InvalidImage(ENDS_TOO_EARLY)
        # simplejpeg takes an error behind a warning for a warning: if not strict, it would return
        # memory into which nothing was decoded.
        if not warning.startswith(_WARNINGS):
            has_end = self.data.find(END_OF_IMAGE, self.header.data_at) >= 0
            raise InvalidImage(CANNOT_BE_DECODED if has_end else ENDS_TOO_EARLY)
        try:
            return self._strictly(plain, shrink, strict=False)
        except ValueError as error:
            raise InvalidImage(CANNOT_BE_DECODED) from error

    def _without_end(self, shrink: int) -> NDArray[np.uint8]:
        """Decode a file that lacks only its end marker, as browsers do."""
        # An arithmetic decoder reads zeros behind the data and cannot tell how many are missing.
        if self.header.arithmetic or not self.header.scans_complete:
            raise InvalidImage(ENDS_TOO_EARLY)
        try:
            return self._strictly(self.data + END_OF_IMAGE, shrink)
        except ValueError as error:
            raise InvalidImage(ENDS_TOO_EARLY) from error

    def _strictly(self, data: bytes, shrink: int, *, strict: bool = True) -> NDArray[np.uint8]:
        width, height = (shrunk_length(length, shrink) for length in self.size)
        try:
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
                data,
                _COLOR_SPACES[self.header.components],
                min_width=width if shrink > 1 else 0,
                min_height=height if shrink > 1 else 0,
                strict=strict,
            )
        except ValueError as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise
        if pixels.shape[:2] != (height, width):
            raise InvalidImage(CANNOT_BE_DECODED)
        return pixels
