"""HEICs, also such as no encoder writes."""

import io
from struct import pack

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()


def heic(image: Image.Image, **options: object) -> bytes:
    """An ordinary one, as pillow-heif writes it, quickly."""
    file = io.BytesIO()
    quickly = {"quality": 90, "enc_params": {"preset": "ultrafast"}}
    image.save(file, "HEIF", **{**quickly, **options})
    return file.getvalue()


def deep_heic(image: Image.Image, **options: object) -> bytes:
    """One with 10 bits for each sample."""
    samples = np.asarray(image).astype(np.uint16) << 8
    file = io.BytesIO()
    made = pillow_heif.from_bytes(f"{image.mode};16", image.size, samples.tobytes())
    made.save(file, **{"quality": 90, "enc_params": {"preset": "ultrafast"}, **options})
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF data, which pillow-heif turns into boxes for rotation and mirror."""
    made = Image.Exif()
    made[0x0112] = orientation
    return made.tobytes()


def with_parameter_size(data: bytes, width: int, height: int) -> bytes:
    """The same file, whose HEVC picture says that it has another size, and the file too.

    Its parameter set is as long as before: what follows the size is rubbish.
    """
    data = _with_parameters(data, 0, _golomb(width) + _golomb(height) + "0")
    place = data.index(b"ispe") + 8
    return data[:place] + pack(">II", width, height) + data[place + 8 :]


def with_margins(data: bytes, which: int, size: tuple[int, int], margin: int) -> bytes:
    """The same file, whose picture, or second one, is larger by margins that are cut off."""
    width, height = (length + 2 * margin for length in size)
    cut = "1" + (_golomb(margin) + _golomb(0)) * 2
    return _with_parameters(data, which, _golomb(width) + _golomb(height) + cut)


def _with_parameters(data: bytes, which: int, size: str) -> bytes:
    """The same file with other bits for the size in one of its sequence parameter sets.

    The rest of the set is rubbish. Its chroma is 4:2:0, its samples have 8 bits.
    """
    start = -1
    for _ in range(which + 1):
        start = data.index(b"\x42\x01\x01", start + 1)
    # what is ahead of the size takes 15 bytes, and a few that part zeros
    start += next(
        n for n in range(15, 25) if len(data[start : start + n].replace(b"\0\0\3", b"\0\0")) == 15
    )
    bits = "1" + "010" + size + "1" * 8
    length = -(-len(bits) // 8)
    made = int(bits.ljust(8 * length, "1"), 2).to_bytes(length, "big")
    made = made.replace(b"\0\0", b"\0\0\3")
    return data[:start] + made + data[start + len(made) :]


def _golomb(value: int) -> str:
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def with_grid(data: bytes, rows: int, columns: int, width: int, height: int) -> bytes:
    """The same file, whose grid says that it has other rows, columns, width and height."""
    at = data.index(b"idat") + 4
    grid = bytes([0, 0, rows - 1, columns - 1]) + pack(">HH", width, height)
    return data[:at] + grid + data[at + 8 :]


def with_matrix(data: bytes, matrix: int) -> bytes:
    """The same file, whose colours are stored in another way, which takes more steps to read."""
    at = data.index(b"colrnclx") + 12
    return data[:at] + pack(">H", matrix) + data[at + 2 :]
