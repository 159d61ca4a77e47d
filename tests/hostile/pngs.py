"""PNG files as Pillow does not write them: any depth, interlaced, with any chunk."""

import zlib
from collections.abc import Iterator
from struct import pack

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# first column and row, and steps between columns and rows, of each of Adam7's passes
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """One chunk with its CRC."""
    return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, kind: int = RGB, interlaced: int = 0) -> bytes:
    """Magic and IHDR."""
    return MAGIC + chunk(b"IHDR", pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))


def png(
    samples: NDArray[np.integer],
    depth: int = 8,
    kind: int = RGB,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A whole file.

    Args:
        samples: (height, width) or (height, width, channels), below 2 to the power of ``depth``.
        depth: Bits of one sample.
        kind: PNG's colour type.
        interlaced: In Adam7's order.
        before: Chunks before the pixels.
        after: Chunks after them.
    """
    samples = samples.reshape(*samples.shape[:2], _CHANNELS[kind])
    parts = list(_passes(samples)) if interlaced else [samples]
    rows = b"".join(_rows(part, depth) for part in parts)
    height, width = samples.shape[:2]
    start = header(width, height, depth, kind, int(interlaced))
    return start + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND")


def _passes(samples: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    for left, top, dx, dy in _ADAM7:
        part = samples[top::dy, left::dx]
        if part.size:
            yield part


def _rows(samples: NDArray[np.integer], depth: int) -> bytes:
    """Each row unfiltered, padded to whole bytes."""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        rows = flat.astype(">u2").view(np.uint8)
    elif depth == 8:
        rows = flat.astype(np.uint8)
    else:
        bits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.astype(np.uint8).reshape(len(flat), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)
