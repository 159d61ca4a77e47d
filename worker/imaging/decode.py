"""Detects the format of a photo by its first bytes and reads its header."""

from shared.errors import UnsupportedMediaType
from worker.imaging.jpeg import Jpeg
from worker.imaging.jpeg_header import JPEG_MAGIC, read_jpeg_header
from worker.imaging.png import Png
from worker.imaging.png_chunks import PNG_MAGIC, read_png_header

Photo = Jpeg | Png


def open_photo(data: bytes) -> Photo:
    """Read a photo's header, not its pixels; metadata is neither decompressed nor kept.

    Args:
        data: A JPEG or PNG file.

    Raises:
        UnsupportedMediaType: The file does not begin like a JPEG or PNG.
        InvalidImage: The header is damaged, or the file has more parts than any encoder writes.
    """
    if data.startswith(JPEG_MAGIC):
        return Jpeg(data, read_jpeg_header(data))
    if data.startswith(PNG_MAGIC):
        return Png(read_png_header(data))
    raise UnsupportedMediaType("The content is neither JPEG nor PNG. Send one of these.")
