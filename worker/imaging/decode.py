"""Bytes → an opened photo whose header has been judged; and what a client hears when it is bad."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from shared.errors import InvalidImage, ServiceError, UnsupportedMediaType

# Pillow warns of broken metadata, which no client is told of and which would fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def refusals() -> Iterator[None]:
    """The one place where what Pillow raises becomes an answer for the client.

    Raises:
        InvalidImage: In place of whatever is no `ServiceError` already.
    """
    try:
        yield
    except (ServiceError, MemoryError):  # a lack of memory may be the worker's fault
        raise
    # Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error and, on
    # fuzzed bytes, whatever its Python makes of them: all of it says that the bytes are bad.
    except Exception as error:
        if "truncated" in str(error).lower():
            detail = "The photo ends too early. Send the whole file."
        else:
            detail = "The photo cannot be decoded. Save it again as an ordinary JPEG or PNG."
        raise InvalidImage(detail) from error


def open_photo(data: bytes, max_pixels: int) -> tuple[ImageFile, int]:
    """Read a photo's header, not its pixels.

    Args:
        data: A JPEG or PNG file.
        max_pixels: Width times height that the header may announce.

    Returns:
        The picture, not yet loaded, and the number of scans it is stored in.

    Raises:
        UnsupportedMediaType: The bytes begin as neither JPEG nor PNG.
        InvalidImage: Past a limit.
        Exception: What Pillow raises; call this within `refusals`.
    """
    # Pillow's classes themselves: Image.open takes a JPEG that holds several pictures for another
    # format, and warns about sizes that max_pixels has to judge.
    if data.startswith(JPEG_MAGIC):
        reader: type[ImageFile] = JpegImageFile
    elif data.startswith(PNG_MAGIC):
        reader = PngImageFile
    else:
        raise UnsupportedMediaType("The content is neither JPEG nor PNG. Send one of these.")
    scans = count_scans(data)
    image = reader(io.BytesIO(data))
    if image.width * image.height > max_pixels:
        raise InvalidImage(
            f"The photo has {image.width} x {image.height} pixels; at most {max_pixels} in all are "
            "allowed. Send a smaller one."
        )
    return image, scans


JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

# libjpeg writes 10 scans and the deepest optimisers a few dozen. An empty scan over 49 megapixels
# takes 14 ms (measured), so 100 of them cost less than two seconds.
MAX_SCANS = 100
# 20 MiB of metadata in full segments of 64 KiB are 320.
MAX_SEGMENTS = 1_000
# Encoders cut PNG data into chunks of 8 KiB or more: 20 MiB are 2,560.
MAX_CHUNKS = 20_000

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
# A marker that is neither a stuffed byte, nor a restart, nor fill.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_LENGTH = Struct(">H")
_CHUNK = Struct(">I4s")


def count_scans(data: bytes) -> int:
    """Refuse a photo with more parts than any encoder writes, and count its scans.

    Args:
        data: A whole file that begins as a JPEG or a PNG; anything may follow.

    Returns:
        How often a decoder passes over the picture: 1 for a PNG or a baseline JPEG.

    Raises:
        InvalidImage: Too many scans, segments or chunks. A file cut short passes: decoding it
            finds out.
    """
    if data.startswith(PNG_MAGIC):
        _check_chunks(data)
        return 1
    return _count_jpeg_scans(data)


def _count_jpeg_scans(data: bytes) -> int:
    scans = segments = 0
    found = _MARKER.search(data, 2)
    while found and (marker := data[found.start() + 1]) != _END_OF_IMAGE:
        segments += 1
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS or segments > MAX_SEGMENTS:
            raise InvalidImage(
                f"The JPEG has more than {MAX_SCANS} progressive scans or {MAX_SEGMENTS} segments."
                " Save it again as a baseline JPEG without metadata."
            )
        if found.end() + 2 > len(data):
            break
        # The length counts its own two bytes; the decoder refuses less than that.
        found = _MARKER.search(
            data, found.end() + max(2, _LENGTH.unpack_from(data, found.end())[0])
        )
    return scans


def _check_chunks(data: bytes) -> None:
    position = len(PNG_MAGIC)
    for _ in range(MAX_CHUNKS):
        if position + _CHUNK.size > len(data):
            return
        length, kind = _CHUNK.unpack_from(data, position)
        if kind == b"IEND":
            return
        position += _CHUNK.size + length + 4
    raise InvalidImage(
        f"The PNG has more than {MAX_CHUNKS} chunks. Save it again with an ordinary image editor."
    )
