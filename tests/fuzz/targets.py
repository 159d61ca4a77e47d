"""What must hold for any bytes at all: each target takes some, and raises where it does not hold.

Run by atheris (`run.py`), a quarter of a minute each in `test_fuzz.py`; hypothesis has tests of its
own. A crash, a hang or memory beyond the runner's limit is a finding too.
"""

import contextlib
import io
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
from PIL.PngImagePlugin import PngImageFile

from api.dependencies import WAIT_MAX_S, parse_prefer
from api.intake.json_body import decode_json
from api.intake.multipart import PartReader, boundary_of
from api.intake.photo import MAX_FILENAME, clean_filename
from shared.errors import InvalidImage, MalformedRequest, UnsupportedMediaType
from shared.photo_formats import NAMES, PhotoFormats
from worker.imaging.exif import read_orientation
from worker.imaging.formats.jpeg_header import JPEG_MAGIC, MAX_SCANS, plain_header, read_jpeg_header
from worker.imaging.formats.png_chunks import PNG_MAGIC, read_png_header
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V1

MAX_PIXELS = 1_000_000
FORMATS = PhotoFormats(tuple(NAMES))
MAX_PART = 64
BOUNDARY = b"b"
# What our own limits and checks say; any other PNG that Pillow decodes has to be accepted.
LIMITS = ("more than", "are allowed", "ends too early")

Parts = list[tuple[str, str | None, bytes, bool]]


def decoder(data: bytes) -> None:
    """Pixels or a refusal, and never a refusal of a PNG that Pillow decodes, but for our limits."""
    try:
        assert decode_cost(data, MAX_PIXELS, IMAGENET1K_V1, FORMATS) >= 0
        pixels = preprocess(data, IMAGENET1K_V1, MAX_PIXELS, FORMATS)
    except UnsupportedMediaType:
        assert not FORMATS.begin(data)
    except InvalidImage as error:
        if not any(limit in error.detail for limit in LIMITS) and _is_png_of_pillow(data):
            raise AssertionError("Pillow decodes what was refused") from error
    else:
        assert pixels.shape == (224, 224, 3)
        assert pixels.dtype == np.uint8


def structure(data: bytes) -> None:
    """Whatever a file's parts are: a header within the limits, or a refusal; and a wall that holds.

    What has passed the wall passes it again unchanged.
    """
    assert 1 <= read_orientation(data) <= 8
    with contextlib.suppress(InvalidImage):
        jpeg = JPEG_MAGIC + data
        header = read_jpeg_header(jpeg)
        assert 1 <= header.scans <= MAX_SCANS
        assert header.coefficient_bytes >= 0
        plain = plain_header(jpeg, header)
        assert plain_header(plain, read_jpeg_header(plain)) == plain
    with contextlib.suppress(InvalidImage):
        passed = read_png_header(PNG_MAGIC + data).data
        assert len(passed) <= len(PNG_MAGIC + data)
        assert read_png_header(passed).data is passed


def multipart(data: bytes) -> None:
    """The same parts however the bytes are cut, each within its limit; or a refusal."""
    step = 1 + data[0] % 16 if data else 1
    body = data[1:]
    whole = _parts([body])
    assert whole == _parts(body[at : at + step] for at in range(0, len(body), step))
    for _, _, content, too_large in whole or []:
        assert len(content) <= MAX_PART
        assert not (content and too_large)


def headers(data: bytes) -> None:
    """A boundary or none, a wait within bounds, a filename that can be shown; or a refusal."""
    text = data.decode("latin-1")
    try:
        boundary = boundary_of(text)
        assert boundary is None or boundary
    except MalformedRequest:
        pass
    assert 0 <= parse_prefer([text], 30).wait_s <= WAIT_MAX_S
    for name in (text, data.decode(errors="replace")):
        shown = clean_filename(name) or ""
        assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Zl", "Zp"}]
        assert len(shown) <= MAX_FILENAME
        assert not set(shown) & set("/\\")


def json_photo(data: bytes) -> None:
    """A photo no larger than what carried it, or a refusal."""
    with contextlib.suppress(MalformedRequest):
        assert len(decode_json(data)) <= len(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (decoder, structure, multipart, json_photo, headers)
}


def _is_png_of_pillow(data: bytes) -> bool:
    try:
        image = PngImageFile(io.BytesIO(data))
        image.load()
        image.convert("RGB")
    except Exception:  # noqa: BLE001 - whatever it raises, it does not decode
        return False
    return True


def _parts(pieces: Iterable[bytes]) -> Parts | None:
    """Every part of a form; ``None`` where it is refused."""
    reader = PartReader(BOUNDARY, MAX_PART)
    found = []
    try:
        for piece in pieces:
            found += [part for part in reader.feed(piece) if part.complete]
        reader.close()
    except MalformedRequest:
        return None
    return [(part.name, part.filename, part.data.join(), part.too_large) for part in found]
