"""AVIFs, also such as no encoder writes."""

import io
from struct import pack

from PIL import Image


def avif(image: Image.Image, **options: object) -> bytes:
    """An ordinary one, as Pillow writes it, quickly."""
    file = io.BytesIO()
    image.save(file, "AVIF", **{"speed": 10, "quality": 90, "max_threads": 1, **options})
    return file.getvalue()


def box(kind: bytes, content: bytes = b"") -> bytes:
    """One box."""
    return pack(">I4s", 8 + len(content), kind) + content


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The same file, which says that it has another size; its picture is as before."""
    at = data.index(b"ispe") + 8
    return data[:at] + pack(">II", width, height) + data[at + 8 :]


def with_picture_size(data: bytes, width: int, height: int) -> bytes:
    """The same file, whose AV1 picture says that it has another size, and the file too.

    Its new sequence header has the form for still pictures, with 16 bits for each side.
    """
    bits = f"{0:03b}11{31:05b}" + f"{15:04b}" * 2 + f"{width - 1:016b}{height - 1:016b}"
    bits += "000" + "000" + "0000000" + "0" + "1"
    start, length = sequence_header(data)
    sequence = int(bits.ljust(8 * length, "0"), 2).to_bytes(length, "big")
    return with_size(data[:start] + sequence + data[start + length :], width, height)


def sequence_header(data: bytes) -> tuple[int, int]:
    """Where the sequence header of the first picture begins, and its length."""
    at = data.index(b"mdat\x12\0\x0a") + 8
    return at, data[at - 1]


def with_item_type(data: bytes, kind: bytes) -> bytes:
    """The same file, whose first item is of another type, such as a grid of pictures."""
    return data.replace(b"av01", kind, 1)
