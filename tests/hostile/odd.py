"""Good but odd pictures, each with its own pixels as an ordinary PNG: both must answer the same.

The plain one is made from the pixels that went into the odd one, never by decoding it, so that a
decoder's mistake shows.
"""

import io
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from struct import pack
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from tests.hostile.jpegs import (
    APP1,
    COM,
    SOI,
    SOS,
    arithmetic,
    inserted,
    jpeg,
    lossless,
    segment,
    with_adobe_transform,
    with_junk,
    ycck,
)  # fmt: skip
from tests.hostile.odd_pngs import odd_pngs
from tests.hostile.picture import Picture, photo, pixels, plain
from tests.hostile.pngs import GREY, chunk, png

ORIENTATION = 0x0112
END = b"\xff\xd9"
# Levels of 255, on average, at the qualities used here.
JPEG_LOSES = 3
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip


def as_decoded(picture: Picture) -> bytes:
    """The plain picture, less what JPEG lost: as only Pillow decodes the odd one, upright."""
    assert picture.plain is not None
    if not picture.data.startswith(SOI):
        return picture.plain
    image = Image.open(io.BytesIO(picture.data + END))  # one of them lacks its own
    with suppress(Exception):  # broken EXIF
        image = ImageOps.exif_transpose(image)
    decoded = np.asarray(image.convert("RGB"))
    source = np.asarray(Image.open(io.BytesIO(picture.plain)).convert("RGB"))
    assert np.abs(decoded.astype(int) - source).mean() < JPEG_LOSES, picture.name
    return png(decoded)


def odd_pictures() -> Iterator[Picture]:
    """All of them."""
    yield from _jpegs()
    yield from odd_pngs()
    yield from _both()


def _jpegs() -> Iterator[Picture]:
    cmyk = photo().convert("CMYK")
    grey = photo().convert("L")
    mosaic = np.asarray(grey.resize((40, 27))) // 2 + 128
    usual = jpeg(photo())
    progressive = jpeg(photo(), progressive=True)
    thumbnail = segment(APP1, b"Exif\0\0" + jpeg(photo().resize((64, 40))))
    coloured: dict[str, bytes] = {
        "baseline": usual,
        "subsampled": jpeg(photo(), subsampling=2),
        "optimised": jpeg(photo(), optimize=True),
        "progressive": progressive,
        "50-scans": _first_scan_again(progressive, 40),
        "restarts": jpeg(photo(), restart_marker_blocks=3),
        "cmyk": jpeg(cmyk),
        "ycck": ycck(pixels()),
        "adobe-rgb": jpeg(photo(), keep_rgb=True),
        "adobe-unknown-transform": with_adobe_transform(_with_adobe(usual), 7),
        "fill-bytes": usual[:2] + b"\xff" * 500 + usual[2:],
        "comment": inserted(usual, segment(COM, bytes(60_000)), segment(COM, b"<?php exit; ?>")),
        "broken-thumbnail": inserted(usual, thumbnail),
        "rubbish-behind": usual + random.Random(1).randbytes(100_000),
        "another-jpeg-behind": usual + jpeg(grey),
        "several-pictures": _multi_picture(),
        "no-end": usual[:-2],
        "short-adobe": inserted(usual, segment(0xEE, b"Adobe\0d")),
        "junk-in-the-header": with_junk(usual),
    }
    for name, data in coloured.items():
        yield Picture(f"jpeg-{name}", data, plain())
    yield Picture("jpeg-grey", jpeg(grey), png(np.asarray(grey), kind=GREY))
    squares = np.kron(mosaic, np.ones((8, 8), np.uint8))
    whole = np.asarray(grey)
    yield Picture("jpeg-lossless", lossless(whole), png(whole, kind=GREY))
    yield Picture("jpeg-arithmetic", arithmetic(mosaic), png(np.dstack([squares] * 3)))


def _first_scan_again(data: bytes, times: int) -> bytes:
    """Read again at once, it gives the same values again."""
    start = data.index(bytes([0xFF, SOS]))
    end = next(re.finditer(rb"\xff[^\x00\xd0-\xd7]", data[start + 2 :])).start() + start + 2
    return data[:end] + data[start:end] * times + data[end:]


def _with_adobe(data: bytes) -> bytes:
    return inserted(data, segment(0xEE, b"Adobe" + pack(">HHHB", 100, 0, 0, 1)))


def _multi_picture() -> bytes:
    file = io.BytesIO()
    second = photo().transpose(Image.Transpose.ROTATE_180)
    options: dict[str, Any] = {"quality": 95, "subsampling": 0}
    photo().save(file, "MPO", save_all=True, append_images=[second], **options)
    return file.getvalue()


def _both() -> Iterator[Picture]:
    """What a JPEG and a PNG carry alike: EXIF, colour profiles, other formats behind."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profiles = {"icc": srgb, "broken-icc": b"no profile" * 50, "icc-1-MB": srgb + bytes(1_000_000)}
    for name, profile in profiles.items():
        yield from _as_both(name, icc_profile=profile)
    for value, turn in TURNS.items():
        yield from _as_both(f"exif-{value}", photo().transpose(turn), exif=_exif(value))
    for value in (0, 1, 9, 65_535):
        yield from _as_both(f"exif-{value}", exif=_exif(value))
    for name, exif in _broken_exif().items():
        yield Picture(f"jpeg-exif-{name}", inserted(jpeg(photo()), segment(APP1, exif)), plain())
        yield Picture(f"png-exif-{name}", png(pixels(), before=chunk(b"eXIf", exif[6:])), plain())
    yield Picture("png-exif-behind", png(pixels(), after=chunk(b"eXIf", _exif(1)[6:])), plain())
    zipped = b"PK\3\4" + bytes(26) + b"PK\5\6" + bytes(18)
    yield Picture("polyglot-jpeg-zip", jpeg(photo()) + zipped, plain())
    yield Picture("polyglot-png-script", plain() + b"<script>alert(1)</script>", plain())
    pdf = inserted(jpeg(photo()), segment(COM, b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"))
    yield Picture("polyglot-jpeg-pdf", pdf + b"\n%%EOF", plain())


def _as_both(name: str, image: Image.Image | None = None, **options: Any) -> Iterator[Picture]:
    file = io.BytesIO()
    (image or photo()).save(file, "PNG", **options)
    yield Picture(f"png-{name}", file.getvalue(), plain())
    yield Picture(f"jpeg-{name}", jpeg(image or photo(), **options), plain())


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def _broken_exif() -> dict[str, bytes]:
    """EXIF that says nothing of use, so that the picture is taken as it lies."""
    head = b"Exif\0\0"
    entry = pack("<HHII", ORIENTATION, 3, 1, 6)
    return {
        "empty": head,
        "rubbish": head + random.Random(3).randbytes(300),
        "cut": head + b"II*\0\x08\0\0\0\x01\0" + entry[:5],
        "far-offset": head + b"II*\0" + pack("<I", 2**32 - 1),
        "circle": head + b"II*\0\x08\0\0\0" + pack("<H", 1) + pack("<HHII", 0x8769, 4, 1, 8)
        + pack("<I", 8),
        "many-entries": head + b"II*\0\x08\0\0\0" + pack("<H", 65_535),
        "text-orientation": head + b"II*\0\x08\0\0\0" + pack("<H", 1)
        + pack("<HHI4s", ORIENTATION, 2, 4, b"six\0") + bytes(4),
    }  # fmt: skip
