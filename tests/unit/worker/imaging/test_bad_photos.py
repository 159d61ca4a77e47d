"""Whatever the bytes are, preprocessing ends with pixels or with an answer for the client."""

import io
import zlib
from collections.abc import Callable
from struct import pack

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.errors import InvalidImage, UnsupportedMediaType
from worker.imaging.formats.jpeg_header import MAX_SCANS, MAX_SEGMENTS, read_jpeg_header
from worker.imaging.formats.png_chunks import MAX_CHUNKS
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V1

MAX_PIXELS = 50_000_000
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def photo(kind: str, **options: object) -> bytes:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG_MAGIC + header + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND")


JPEG = photo("JPEG", quality=90)
PROGRESSIVE = photo("JPEG", progressive=True)
PNG = photo("PNG")
EXIF = Image.Exif()
EXIF[0x0112] = 6
TURNED = photo("JPEG", exif=EXIF, comment=b"a" * 300)
INTERLACED = PNG_MAGIC + chunk(b"IHDR", pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 1)) + PNG[33:]
PALETTE = photo("PNG")[:8] + png_of(8, 8)[8:33] + chunk(b"tRNS", bytes(6)) + PNG[33:]

KINDS = [b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"acTL"]
KINDS += [b"fcTL", b"fdAT", b"IDAT", b"IEND", b"pHYs", b"sRGB"]


def ends_well(data: bytes) -> None:
    for judge in (lambda: decode_cost(data, MAX_PIXELS, IMAGENET1K_V1), lambda: pixels(data)):
        try:
            judge()
        except (InvalidImage, UnsupportedMediaType):
            continue


def pixels(data: bytes) -> None:
    assert preprocess(data, IMAGENET1K_V1, MAX_PIXELS).shape == (224, 224, 3)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.sampled_from([JPEG, PROGRESSIVE, PNG, TURNED, INTERLACED, PALETTE]),
    cut=st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=8),
    near_the_start=st.booleans(),
    insert=st.booleans(),
)
def test_damaged_photos_end_well(
    data: bytes,
    cut: float,
    edits: list[tuple[float, bytes]],
    near_the_start: bool,
    insert: bool,
) -> None:
    damaged = bytearray(data)
    for place, patch in edits:
        start = int(place * (min(400, len(damaged)) if near_the_start else len(damaged)))
        damaged[start : start + (0 if insert else len(patch))] = patch
    if cut > 0.5:
        del damaged[int(cut * len(damaged)) :]
    ends_well(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(magic=st.sampled_from([b"", b"\xff\xd8\xff", PNG_MAGIC, JPEG[:20]]), tail=st.binary())
def test_arbitrary_bytes_end_well(magic: bytes, tail: bytes) -> None:
    ends_well(magic + tail)


@settings(max_examples=200, deadline=None)
@given(chunks=st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=40)), max_size=6))
def test_well_formed_chunks_of_nonsense_end_well(chunks: list[tuple[bytes, bytes]]) -> None:
    ends_well(png_of(6, 5, *(chunk(kind, content) for kind, content in chunks)))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM"])
def test_other_formats_are_refused_by_their_content(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="neither JPEG nor PNG"):
        preprocess(photo(kind), IMAGENET1K_V1, MAX_PIXELS)


@pytest.mark.parametrize(
    "data", [JPEG, PROGRESSIVE, PNG, TURNED], ids=["jpeg", "prog", "png", "exif"]
)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_photo_that_was_cut_short_says_so(data: bytes, share: float) -> None:
    with pytest.raises(InvalidImage, match="ends too early"):
        preprocess(data[: int(len(data) * share)], IMAGENET1K_V1, MAX_PIXELS)


@pytest.mark.parametrize(
    "judge",
    [lambda d, m: decode_cost(d, m, IMAGENET1K_V1), lambda d, m: preprocess(d, IMAGENET1K_V1, m)],
)
@pytest.mark.parametrize("size", [(1000, 1001), (2**31 - 1, 2**31 - 1), (1_000_001, 1)])
def test_too_many_pixels_are_refused_from_the_header(
    judge: Callable[[bytes, int], object], size: tuple[int, int]
) -> None:
    with pytest.raises(InvalidImage, match=f"{size[0]} x {size[1]} pixels; at most 1000000"):
        judge(png_of(*size), 1_000_000)


def test_as_many_pixels_as_allowed_are_taken() -> None:
    pixels(JPEG)
    preprocess(JPEG, IMAGENET1K_V1, 60 * 80)
    with pytest.raises(InvalidImage):
        preprocess(JPEG, IMAGENET1K_V1, 60 * 80 - 1)


def test_scans_are_counted_as_libjpeg_meets_them() -> None:
    def scans(data: bytes) -> int:
        return read_jpeg_header(data).scans

    assert scans(JPEG) == 1
    assert scans(PROGRESSIVE) == 10
    thumbnail = b"\xff\xe1" + pack(">H", len(PROGRESSIVE) + 2) + PROGRESSIVE
    assert scans(JPEG[:2] + thumbnail + JPEG[2:]) == 1
    assert scans(JPEG + PROGRESSIVE) == 1


def test_a_jpeg_of_a_thousand_scans_is_refused_at_once() -> None:
    last = PROGRESSIVE[PROGRESSIVE.rfind(b"\xff\xda") : -2]
    # An end that hides in a comment between the scans must not end the count.
    hidden = b"\xff\xfe\x00\x04\xff\xd9"
    bomb = PROGRESSIVE[:-2] + (hidden + last) * 1000 + b"\xff\xd9"
    with pytest.raises(InvalidImage, match=f"more than {MAX_SCANS} progressive scans"):
        decode_cost(bomb, MAX_PIXELS, IMAGENET1K_V1)
    pixels(PROGRESSIVE[:-2] + (hidden + last) * 50 + b"\xff\xd9")


@pytest.mark.parametrize(
    ("bomb", "match"),
    [
        (JPEG[:2] + b"\xff\xef\x00\x02" * 5_000_000 + JPEG[2:], f"{MAX_SEGMENTS} segments"),
        (png_of(8, 8, chunk(b"tEXt") * 1_600_000), f"more than {MAX_CHUNKS} chunks"),
    ],
    ids=["segments", "chunks"],
)
def test_millions_of_empty_parts_are_refused(bomb: bytes, match: str) -> None:
    with pytest.raises(InvalidImage, match=match):
        preprocess(bomb, IMAGENET1K_V1, MAX_PIXELS)
