"""Reads the chunks of a WebP and keeps those of its first frame.

Metadata, colour profiles and later frames do not change that frame, so the decoder never gets them:
it would copy them, and read the headers of all frames.
"""

from dataclasses import dataclass
from struct import Struct, pack

from shared.errors import InvalidImage
from worker.imaging.exif import read_orientation
from worker.imaging.refusals import (
    CANNOT_BE_DECODED,
    ENDS_TOO_EARLY,
    MAX_FRAMES,
    too_many_frames,
)
from worker.imaging.resize_and_crop import Size

_CHUNK = Struct("<4sI")
_FILE = Struct("<4sI4s")
_KEY_FRAME = b"\x9d\x01\x2a"
_LOSSLESS = 0x2F
_CANVAS_BYTES, _FRAME_BYTES = 10, 16
_ANIMATED, _TRANSPARENT = 0x02, 0x10

Part = bytes | memoryview


@dataclass(frozen=True)
class WebpHeader:
    """The properties of a WebP that affect decoding.

    Attributes:
        size: Width and height of the canvas as stored, in pixels.
        transparent: Whether pixels may be transparent.
        lossless_bytes: Length of the part that is compressed without loss: the picture, its alpha
            channel, or nothing.
        orientation: EXIF orientation, 1 to 8.
        data: A WebP file with the first frame only, and without metadata.
    """

    size: Size
    transparent: bool
    lossless_bytes: int
    orientation: int
    data: bytes


@dataclass(frozen=True)
class _Frame:
    """One compressed picture: its size, whether it has alpha, and the parts of its chunks.

    The parts are joined once, in the new file, because a picture may have 20 MB.
    """

    size: Size
    transparent: bool
    parts: tuple[Part, ...]

    @property
    def has_alpha_chunk(self) -> bool:
        return self.parts[0][:4] == b"ALPH"

    @property
    def lossless_bytes(self) -> int:
        return 0 if self.parts[0][:4] == b"VP8 " else len(self.parts[1])


def read_webp_header(data: bytes) -> WebpHeader:
    """Read the chunks of a file that begins like a WebP; the rest may be anything.

    Raises:
        InvalidImage: The file is shorter than it says, has no picture, sizes that contradict each
            other, or more chunks than any encoder writes. Damage within the compressed picture is
            detected by decoding it.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise InvalidImage(ENDS_TOO_EARLY)
    chunks = _chunks(data, _FILE.size, end)
    exif = chunks.get(b"EXIF")
    orientation = read_orientation(data[exif]) if exif else 1
    canvas = _canvas(data[chunks[b"VP8X"]]) if b"VP8X" in chunks else None
    if b"ANMF" not in chunks:
        if canvas and not data[chunks[b"VP8X"].start] & _TRANSPARENT:
            chunks.pop(b"ALPH", None)  # viewers ignore it
        return _still(_frame(data, chunks), canvas, orientation)
    if canvas is None:
        raise InvalidImage(CANNOT_BE_DECODED)
    first = chunks[b"ANMF"]
    inner = slice(first.start + _FRAME_BYTES, first.stop)
    frame = _frame(data, _chunks(data, inner.start, inner.stop))
    return _animated(frame, canvas, data[first.start : inner.start], orientation)


def _chunks(data: bytes, at: int, end: int) -> dict[bytes, slice]:
    """The content of the first chunk of each type."""
    found: dict[bytes, slice] = {}
    for _ in range(MAX_FRAMES):
        if at + _CHUNK.size > end:
            return found
        kind, length = _CHUNK.unpack_from(data, at)
        content = slice(at + _CHUNK.size, at + _CHUNK.size + length)
        if content.stop > end:
            raise InvalidImage(ENDS_TOO_EARLY)
        found.setdefault(kind, content)
        at = content.stop + length % 2
    raise too_many_frames("WebP")


def _frame(data: bytes, chunks: dict[bytes, slice]) -> _Frame:
    """A compressed picture; its own size decides how much the decoder allocates."""
    if b"VP8L" in chunks:
        content = memoryview(data)[chunks[b"VP8L"]]
        bits = int.from_bytes(content[1:5], "little")
        if len(content) < 5 or content[0] != _LOSSLESS:
            raise InvalidImage(CANNOT_BE_DECODED)
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        return _Frame(size, bool(bits >> 28 & 1), _chunk(b"VP8L", content))
    content = memoryview(data)[chunks.get(b"VP8 ", slice(0))]
    width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    if content[3:6] != _KEY_FRAME or not width or not height:
        raise InvalidImage(CANNOT_BE_DECODED)
    picture = _chunk(b"VP8 ", content)
    if b"ALPH" not in chunks:
        return _Frame((width, height), False, picture)
    alpha = _chunk(b"ALPH", memoryview(data)[chunks[b"ALPH"]])
    return _Frame((width, height), True, alpha + picture)


def _still(frame: _Frame, canvas: Size | None, orientation: int) -> WebpHeader:
    if canvas not in {None, frame.size}:
        raise InvalidImage(CANNOT_BE_DECODED)
    # A lossless picture has its alpha within; only a separate alpha channel needs the longer form.
    extended = _extended(_TRANSPARENT, frame.size) if frame.has_alpha_chunk else ()
    data = _file(*extended, *frame.parts)
    return WebpHeader(frame.size, frame.transparent, frame.lossless_bytes, orientation, data)


def _animated(frame: _Frame, canvas: Size, rectangle: bytes, orientation: int) -> WebpHeader:
    left, top, width, height = (_three_bytes(rectangle, at) for at in (0, 3, 6, 9))
    left, top, width, height = 2 * left, 2 * top, width + 1, height + 1
    if (width, height) != frame.size or left + width > canvas[0] or top + height > canvas[1]:
        raise InvalidImage(CANNOT_BE_DECODED)
    extended = _extended(_ANIMATED | _TRANSPARENT, canvas)
    animation = _chunk(b"ANIM", bytes(6))
    data = _file(*extended, *animation, *_chunk(b"ANMF", rectangle, *frame.parts))
    return WebpHeader(canvas, True, frame.lossless_bytes, orientation, data)


def _canvas(content: bytes) -> Size:
    if len(content) < _CANVAS_BYTES:
        raise InvalidImage(CANNOT_BE_DECODED)
    return _three_bytes(content, 4) + 1, _three_bytes(content, 7) + 1


def _three_bytes(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _extended(flags: int, size: Size) -> tuple[Part, ...]:
    sides = b"".join((length - 1).to_bytes(3, "little") for length in size)
    return _chunk(b"VP8X", pack("<I", flags) + sides)


def _chunk(kind: bytes, *content: Part) -> tuple[Part, ...]:
    length = sum(map(len, content))
    return (_CHUNK.pack(kind, length), *content, bytes(length % 2))


def _file(*parts: Part) -> bytes:
    return b"".join([_FILE.pack(b"RIFF", 4 + sum(map(len, parts)), b"WEBP"), *parts])
