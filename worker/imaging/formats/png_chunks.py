"""Reads the chunks of a PNG and removes those that do not affect its pixels.

Text, colour profiles and other metadata can decompress to megabytes, contain keys that Pillow
mistakes for its own, or be damaged. They do not change the pixels, so the decoder never gets them.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from shared.errors import InvalidImage
from shared.photo_formats import PNG_MAGIC
from worker.imaging.exif import read_orientation
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import Size

# Encoders split PNG data into chunks of 8 KiB or more: 20 MiB are 2,560 chunks.
MAX_CHUNKS = 20_000

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
# Valid lengths of a tRNS chunk in bytes, by colour type; types with an alpha channel have none.
_TRANSPARENCY_BYTES = {GREY: range(2, 3), RGB: range(6, 7), PALETTE: range(1, 257)}
_CHUNK = Struct(">I4s")
_HEADER = Struct(">IIBBBBB")
_AROUND = 12  # length, kind and checksum of a chunk
# As much as a segment of a JPEG holds. Pillow, which does not use it, would copy it twice.
_EXIF_MAX = 64 * 1024


@dataclass(frozen=True)
class PngHeader:
    """The properties of a PNG that affect decoding.

    Attributes:
        size: Width and height as stored, in pixels.
        depth: Bits per sample: 1, 2, 4, 8 or 16.
        color: PNG's colour type.
        interlaced: Whether the rows are in Adam7's order.
        has_transparency: Whether a tRNS chunk makes colours or palette entries transparent.
        orientation: EXIF orientation, 1 to 8.
        file: The whole file.
        length: Number of bytes of `data`.
        whole: Whether `data` is the file itself.
    """

    size: Size
    depth: int
    color: int
    interlaced: bool
    has_transparency: bool
    orientation: int
    file: bytes = field(repr=False)
    length: int
    whole: bool

    @property
    def data(self) -> bytes:
        """The file without chunks that do not affect decoding; the same object if it has none.

        It is copied here, because memory is reserved only after the header was read.
        """
        if self.whole:
            return self.file
        file, copy = memoryview(self.file), io.BytesIO()
        copy.write(PNG_MAGIC)
        for _, at, end in _passed(self.file, self.color, self.depth):
            copy.write(file[at:end])
        return copy.getvalue()

    def pixels(self) -> Iterator[memoryview]:
        """The content of each IDAT chunk."""
        file = memoryview(self.file)
        for kind, at, end in _chunks(self.file):
            if kind == b"IDAT":
                yield file[at + 8 : end - 4]


def read_png_header(data: bytes) -> PngHeader:
    """Read the chunks of a file that begins like a PNG; the rest may be anything.

    Raises:
        InvalidImage: No header, an impossible size, or more chunks than any encoder writes. A
            truncated file is accepted here; decoding detects it.
    """
    start = len(PNG_MAGIC)
    if data[start + 4 : start + 8] != b"IHDR" or len(data) < start + 8 + _HEADER.size:
        raise InvalidImage(CANNOT_BE_DECODED)
    width, height, depth, color, _, _, interlaced = _HEADER.unpack_from(data, start + 8)
    if not width or not height:
        raise InvalidImage(CANNOT_BE_DECODED)
    exif = next(_exif(data), None)
    kinds: set[bytes] = set()
    length = passed_to = start
    whole = True
    for kind, at, end in _passed(data, color, depth):
        kinds.add(kind)
        length += min(end, len(data)) - at
        whole &= at == passed_to
        passed_to = end
    # the decoder reads nothing behind the end chunk, but what is behind the last passed chunk
    whole &= b"IEND" in kinds or passed_to >= len(data)
    return PngHeader(
        size=(width, height),
        depth=depth,
        color=color,
        interlaced=bool(interlaced),
        has_transparency=b"tRNS" in kinds,
        orientation=1 if exif is None else read_orientation(exif),
        file=data,
        length=length,
        whole=whole,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, start and end; the last end may lie beyond the file."""
    at = len(PNG_MAGIC)
    for _ in range(MAX_CHUNKS):
        if at + _CHUNK.size > len(data):
            return
        length, kind = _CHUNK.unpack_from(data, at)
        yield kind, at, at + length + _AROUND
        if kind == b"IEND":
            return
        at += length + _AROUND
    raise InvalidImage(
        f"The PNG has more than {MAX_CHUNKS} chunks. Save it again with an ordinary image editor."
    )


def _exif(data: bytes) -> Iterator[memoryview]:
    """The content of each eXIf chunk; the first one counts."""
    for kind, at, end in _chunks(data):
        if kind == b"eXIf":
            yield memoryview(data)[at + 8 : end - 4]


def _passed(data: bytes, color: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """The chunks that the decoder gets, as `_chunks` yields them."""
    seen: set[bytes] = set()
    for kind, at, end in _chunks(data):
        if kind in seen or not _decides(kind, end - at - _AROUND, color, depth):
            continue
        if kind != b"IDAT":  # any other chunk, such as the palette, may not be repeated
            seen.add(kind)
        yield kind, at, end


def _decides(kind: bytes, length: int, color: int, depth: int) -> bool:
    """Whether the decoder gets a chunk: those that affect the pixels, and ordinary EXIF.

    Without EXIF's, which most photos have as their only metadata, the file would have to be copied.
    """
    if kind == b"tRNS":
        # Pillow reduces 16-bit colours to 8 bits, so it could not match the transparent colour.
        return length in _TRANSPARENCY_BYTES.get(color, ()) and (color, depth) != (RGB, 16)
    if kind == b"PLTE":
        return color == PALETTE
    if kind == b"eXIf":
        return length <= _EXIF_MAX
    return kind in {b"IHDR", b"IDAT", b"IEND"}
