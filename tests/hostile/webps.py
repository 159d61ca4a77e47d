"""WebPs, also such as no encoder writes."""

import io
from struct import pack

from PIL import Image

TRANSPARENT, ANIMATED, HAS_EXIF = 0x10, 0x02, 0x08


def webp(image: Image.Image, **options: object) -> bytes:
    """An ordinary one, as Pillow writes it; lossless unless told otherwise."""
    file = io.BytesIO()
    image.save(file, "WEBP", **{"lossless": True, "quality": 0, "method": 0, **options})
    return file.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """One chunk, padded to an even length."""
    return pack("<4sI", kind, len(content)) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    """A file of these chunks."""
    return b"RIFF" + pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def sides(*lengths: int) -> bytes:
    """Lengths, each in three bytes."""
    return b"".join(length.to_bytes(3, "little") for length in lengths)


def extended(flags: int, width: int, height: int) -> bytes:
    """The header of a file with alpha, animation or metadata."""
    return chunk(b"VP8X", pack("<I", flags) + sides(width - 1, height - 1))


def picture(data: bytes) -> bytes:
    """The only chunk of a simple file."""
    return data[12:]


def lossless_of(width: int, height: int, *, alpha: bool = False) -> bytes:
    """The header of a lossless picture, with nothing behind."""
    bits = (width - 1) | (height - 1) << 14 | alpha << 28
    return chunk(b"VP8L", b"\x2f" + pack("<I", bits) + bytes(8))


def lossy_of(width: int, height: int) -> bytes:
    """The header of a lossy picture, with nothing behind."""
    return chunk(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + pack("<HH", width, height) + bytes(8))


def frame(content: bytes, left: int, top: int, width: int, height: int) -> bytes:
    """A frame of an animation; left and top are even."""
    place = sides(left // 2, top // 2, width - 1, height - 1, 100)
    return chunk(b"ANMF", place + b"\0" + content)


def animation(width: int, height: int, *frames: bytes) -> bytes:
    """A file of these frames."""
    head = extended(ANIMATED | TRANSPARENT, width, height)
    return riff(head, chunk(b"ANIM", bytes(6)), *frames)


def many_codes(side: int) -> bytes:
    """A lossless square, a multiple of 4, in which each 4 x 4 pixels have codes of their own.

    No encoder writes such pictures. There are at most 65,536 groups of codes; each takes 20 bits
    in the file, and kilobytes in the decoder.
    """
    bits: list[int] = []

    def put(value: int, count: int) -> None:
        bits.extend(value >> at & 1 for at in range(count))

    def put_code_of_bytes() -> None:
        put(0, 1)  # lengths follow, in a code for 12 lengths, of which only that for 8 is used
        put(12 - 4, 4)
        put(1 << 33, 36)
        put(1 | 3 << 1, 4)  # 256 of them
        put(256 - 2, 8)

    blocks = (side // 4) ** 2
    groups = min(blocks, 1 << 16)
    put(side - 1 | side - 1 << 14, 32)
    put(0b0000100, 7)  # no transform, no cache, groups for 4 x 4 pixels; no cache for their numbers
    put_code_of_bytes()
    put_code_of_bytes()
    put(0x111, 12)  # three codes of one symbol each
    for block in range(blocks):
        low, high = block % groups % 256, block % groups // 256
        put(int(f"{low:08b}{high:08b}"[::-1], 2), 16)
    for _ in range(5 * groups):
        put(1, 4)
    data = int("".join(map(str, reversed(bits))), 2).to_bytes(-(-len(bits) // 8), "little")
    return chunk(b"VP8L", b"\x2f" + data)
