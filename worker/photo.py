"""Bytes → an opened photo whose header has been judged; and what a client hears when it is bad.

Depends on Pillow, `shared.errors` and `worker.photo_structure`.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from shared.errors import InvalidImage, ServiceError, UnsupportedMediaType
from worker.photo_structure import JPEG_MAGIC, PNG_MAGIC, count_scans

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
    except ServiceError:
        raise
    except MemoryError as error:
        raise InvalidImage(
            "The photo takes more memory than there is. Send it with fewer pixels."
        ) from error
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
