"""PNG files from images in memory: Pillow images and arrays of pixels."""

import struct
import zlib
from io import BytesIO
from typing import Any, Protocol, runtime_checkable

# What PNG can store; other modes, such as CMYK, are converted.
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> grey, RGB, RGBA
_FASTEST = 1


@runtime_checkable
class PillowImage(Protocol):
    """What this package uses of a ``PIL.Image.Image``, so that Pillow is not required."""

    mode: str
    info: dict[Any, Any]

    def convert(self, mode: str) -> Any:
        """Return the image in another mode."""

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002
        """Write the image to a file."""


@runtime_checkable
class PixelArray(Protocol):
    """What this package uses of a ``numpy.ndarray``, so that NumPy is not required."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and, except for grey pixels, channels."""

    @property
    def dtype(self) -> Any:
        """The type of a value."""

    def tobytes(self) -> bytes:
        """Return the values row by row."""


def encode_image(image: PillowImage) -> bytes:
    """Encode a Pillow image as a PNG file.

    Its Exif data is kept, so that a photo that a phone took upright is classified upright.
    """
    if image.mode not in _PNG_MODES:
        image = image.convert("RGBA" if image.mode in {"PA", "La", "RGBa"} else "RGB")
    file = BytesIO()
    image.save(file, "PNG", compress_level=_FASTEST, exif=image.info.get("exif"))
    return file.getvalue()


def encode_array(array: PixelArray) -> bytes:
    """Encode pixels as a PNG file.

    Args:
        array: uint8, 0 to 255, of shape (height, width) for grey pixels, (height, width, 3) for
            RGB or (height, width, 4) for RGBA.

    Raises:
        TypeError: The type or the shape is another.
    """
    shape = tuple(array.shape)
    channels = shape[2] if len(shape) == 3 else 1
    if str(array.dtype) != "uint8" or not is_one_image(array) or channels not in _COLOUR_TYPES:
        raise TypeError(
            "an array must be uint8 and of shape (height, width), (height, width, 3) in RGB or "
            f"(height, width, 4) in RGBA; this one is {array.dtype} of shape {shape}"
        )
    height, width = shape[:2]
    pixels, stride = array.tobytes(), width * channels
    # every row of a PNG begins with the number of its filter, 0 for none
    rows = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    data = zlib.compress(rows, _FASTEST)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def is_one_image(array: PixelArray) -> bool:
    """Whether the array has the dimensions of one image with at least one pixel."""
    return len(array.shape) in {2, 3} and all(array.shape)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
