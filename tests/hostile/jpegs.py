"""JPEG files as Pillow does not write them, made by rewriting segments of those that it does."""

import io
from struct import pack
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SOF0, SOF10, DAC, SOS, EOI, APP1, COM = 0xC0, 0xCA, 0xCC, 0xDA, 0xD9, 0xE1, 0xFE
SOI = b"\xff\xd8"


def jpeg(image: Image.Image, **options: Any) -> bytes:
    """As Pillow writes it; quality 95 and no subsampling unless told otherwise."""
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 95, "subsampling": 0, **options})
    return file.getvalue()


def segment(marker: int, content: bytes = b"") -> bytes:
    """A marker, its length and its content."""
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def inserted(data: bytes, *segments: bytes) -> bytes:
    """With segments right behind the start of the file."""
    return data[:2] + b"".join(segments) + data[2:]


def with_junk(data: bytes) -> bytes:
    """With bytes behind the first segment that belong to none, of which libjpeg warns."""
    end = 4 + int.from_bytes(data[4:6])
    return data[:end] + b"junk" + data[end:]


def with_frame(data: bytes, marker: int | None = None, **fields: int) -> bytes:
    """With another kind of frame, or another precision, height or width in it."""
    changed = bytearray(data)
    at = next(i for i in range(2, len(data)) if data[i] == 0xFF and data[i + 1] in {SOF0, 0xC2})
    changed[at + 1] = changed[at + 1] if marker is None else marker
    if "precision" in fields:
        changed[at + 4] = fields["precision"]
    for name, offset in (("height", 5), ("width", 7)):
        if name in fields:
            changed[at + offset : at + offset + 2] = pack(">H", fields[name])
    return bytes(changed)


def with_adobe_transform(data: bytes, transform: int) -> bytes:
    """With another colour transform in the Adobe marker."""
    at = data.index(b"Adobe")
    return data[: at + 11] + bytes([transform]) + data[at + 12 :]


def ycck(rgb: NDArray[np.uint8]) -> bytes:
    """The colours as Adobe's YCCK: inverted inks, the first three of them as luma and chroma."""
    whole = rgb.astype(float)
    brightest = np.maximum(whole.max(axis=2, keepdims=True), 1)
    inks = np.round(255 - whole * 255 / brightest).astype(np.uint8)
    black = np.round(255 - brightest).astype(np.uint8)
    chroma = 255 - np.asarray(Image.fromarray(inks).convert("YCbCr"))
    # Pillow inverts what it writes, and knows these four only as inks
    planes = [Image.fromarray(plane) for plane in np.moveaxis(np.dstack([chroma, black]), 2, 0)]
    return with_adobe_transform(jpeg(Image.merge("CMYK", planes)), 2)


def arithmetic(mosaic: NDArray[np.uint8]) -> bytes:
    """A picture of 8 x 8 squares, each of one grey, arithmetic-coded; brightness is 128 and above.

    A progressive frame whose first scan says nothing and whose further scans each add one bit of
    every square: those bits have an even chance by definition, so that nothing adapts.
    """
    rows, columns = mosaic.shape
    levels = mosaic.astype(int).ravel() - 128
    bits = 7
    frame = pack(">BHHBBBB", 8, 8 * rows, 8 * columns, 1, 1, 0x11, 0)
    # a level is 8 / 8 steps of the first coefficient; without steps of the others libjpeg does not
    # smooth the squares
    table = segment(0xDB, b"\0\x08" + bytes(63))
    scans = [_scan(bits, _coded(levels >> bits, _ALWAYS_ZERO))]
    scans += [
        _scan((low + 1) << 4 | low, _coded((levels >> low) & 1, _EVEN))
        for low in range(bits - 1, -1, -1)
    ]
    return SOI + table + segment(SOF10, frame) + b"".join(scans) + bytes([0xFF, EOI])


def _scan(precision: int, code: bytes) -> bytes:
    return segment(SOS, bytes([1, 1, 0, 0, 0, precision])) + code


# T.81's estimates of the less probable decision: the fixed one, and those through which a context
# goes in which the other decision is taken every time
_EVEN = (0x5A1D,)
_ALWAYS_ZERO = (0x5A1D, 0x2586, 0x1114, 0x080B, 0x03D8, 0x01DA, 0x00E5, 0x006F, 0x0036, 0x001A,
                0x000D, 0x0006, 0x0003, 0x0001)  # fmt: skip


def _coded(decisions: NDArray[np.integer], estimates: tuple[int, ...]) -> bytes:
    """T.81's arithmetic coder, for decisions that share one context; 0 is the more probable."""
    low, width, length, step = 0, 0x10000, 0, 0
    for decision in decisions:
        less = estimates[step]
        width -= less
        exchanged = width < less
        if bool(decision) is not exchanged:
            low, width = low + width, less
        if width < 0x8000:
            step = min(step + 1, len(estimates) - 1)
        while width < 0x8000:
            low, width, length = low << 1, width << 1, length + 1
    low += width - 1
    whole = (16 + length + 7) // 8
    code = (low << (8 * whole - 16 - length)).to_bytes(whole)
    return code.replace(b"\xff", b"\xff\0")


def lossless(samples: NDArray[np.uint8]) -> bytes:
    """A grey picture as lossless JPEG: each sample's difference from its left neighbour."""
    rows, columns = samples.shape
    values = samples.astype(int)
    before = np.empty_like(values)
    before[:, 1:] = values[:, :-1]
    before[1:, 0] = values[:-1, 0]
    before[0, 0] = 128
    bits = "".join(map(_difference, (values - before).ravel().tolist()))
    padded = bits + "1" * (-len(bits) % 8)
    code = int(padded, 2).to_bytes(len(padded) // 8).replace(b"\xff", b"\xff\0")
    # one table: the number of bits of a difference, 0 to 8, in four bits itself
    table = segment(0xC4, bytes([0, 0, 0, 0, 9] + [0] * 12) + bytes(range(9)))
    frame = segment(0xC3, pack(">BHHBBBB", 8, rows, columns, 1, 1, 0x11, 0))
    scan = segment(SOS, bytes([1, 1, 0, 1, 0, 0])) + code
    return SOI + table + frame + scan + bytes([0xFF, EOI])


def _difference(value: int) -> str:
    size = abs(value).bit_length()
    coded = value if value >= 0 else value + (1 << size) - 1
    return f"{size:04b}" + (f"{coded:0{size}b}" if size else "")
