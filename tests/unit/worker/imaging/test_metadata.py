"""Metadata never decides whether or how a photo is decoded, but for EXIF's orientation."""

import io
import tracemalloc
import zlib
from collections.abc import Callable
from struct import pack

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from tests.hostile.jpegs import APP1, COM, inserted, jpeg, segment, with_adobe_transform, with_junk
from tests.hostile.pngs import GREY, PALETTE, RGB, chunk, header, png
from worker.imaging.exif import read_orientation
from worker.imaging.formats.png_chunks import read_png_header
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V2

MAX_PIXELS = 50_000_000
PIXELS = np.random.default_rng(7).integers(0, 256, (290, 260, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
PNG = png(PIXELS)
JPEG = jpeg(PICTURE)
MEGABYTES = zlib.compress(bytes(80_000_000), 1)
ADOBE, JFIF, ICC = 0xEE, 0xE0, 0xE2
SIX = b"II*\0\x08\0\0\0" + pack("<H", 1) + pack("<HHIHH", 0x0112, 3, 1, 6, 0) + bytes(4)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6"/>'


def seen(data: bytes) -> NDArray[np.uint8]:
    return preprocess(data, IMAGENET1K_V2, MAX_PIXELS)


def text(**keys: str) -> bytes:
    info = PngInfo()
    for key, value in keys.items():
        info.add_text(key, value)
    file = io.BytesIO()
    PICTURE.save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize("key", ["bbox", "transparency", "gamma", "dpi", "exif", "interlace"])
def test_a_text_key_that_pillow_uses_itself_changes_nothing(key: str) -> None:
    assert (seen(text(**{key: "10,20,30,40"})) == seen(PNG)).all()


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + MEGABYTES),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + MEGABYTES),
        chunk(b"iCCP", b"icc\0\0" + MEGABYTES),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9)) * 300,
        chunk(b"gAMA", b"\0\1"),
        chunk(b"cHRM", b"\0"),
        chunk(b"sRGB"),
        chunk(b"pHYs", b"\0"),
        chunk(b"iCCP", b"no separator"),
        chunk(b"zTXt", b"Comment\0\7"),
        chunk(b"acTL", b"\0"),
        chunk(b"fcTL", b"\0"),
        chunk(b"tRNS", b"\0"),
        chunk(b"PLTE", b"\1\2\3\4"),
        chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?",
        header(20_000, 20_000)[8:],
        header(5, 5)[8:],
        chunk(b"eXIf", b"not TIFF"),
    ],
    ids=[
        *("ztxt", "itxt", "iccp", "many-ztxt", "gama", "chrm", "srgb", "phys", "iccp-damaged"),
        *("ztxt-method", "actl", "fctl", "trns", "plte", "checksum", "larger", "smaller", "exif"),
    ],
)
def test_a_chunk_of_metadata_changes_no_pixel(extra: bytes) -> None:
    assert (seen(png(PIXELS, before=extra)) == seen(PNG)).all()
    assert (seen(png(PIXELS, after=extra)) == seen(PNG)).all()


@pytest.mark.parametrize(
    "extra",
    [
        segment(ADOBE, b"Adobe\0d"),
        segment(ADOBE, b"Adobe"),
        segment(ADOBE),
        segment(JFIF, b"JFIF\0"),
        segment(JFIF, b"JFIF\0\x09\x09\0\0\0\0\0\0\0"),
        segment(JFIF, b"JFXX\0\x10"),
        segment(ICC, b"ICC_PROFILE\0\x05\x02"),
        segment(APP1, b"Exif\0\0" + b"\xff" * 40),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
        segment(0xEF, bytes(65_000)) * 20,
        segment(COM, b"\xff\xd9\xff\xda"),
    ],
    ids=[
        *("adobe-7", "adobe-5", "adobe-0", "jfif-5", "jfif-version", "jfxx", "icc", "exif"),
        *("photoshop", "app15", "comment"),
    ],
)
def test_a_segment_of_metadata_changes_no_pixel(extra: bytes) -> None:
    assert (seen(inserted(JPEG, extra)) == seen(JPEG)).all()


def test_what_libjpeg_warns_of_in_a_header_keeps_the_colours_and_finds_missing_data() -> None:
    adobe = segment(ADOBE, b"Adobe" + pack(">HHHB", 100, 0, 0, 1))
    unknown = with_adobe_transform(inserted(JPEG, adobe), 7)
    assert (seen(unknown) == seen(JPEG)).all()
    for data in (jpeg(PICTURE, keep_rgb=True), jpeg(PICTURE.convert("CMYK")), JPEG):
        assert (seen(with_junk(data)) == seen(data)).all()


@pytest.mark.parametrize("data", [PNG, png(PIXELS, before=chunk(b"eXIf", SIX))])
def test_a_png_without_metadata_reaches_the_decoder_as_the_same_object(data: bytes) -> None:
    assert read_png_header(data).data is data


def test_the_decoder_gets_no_text_behind_the_pixels_of_a_file_without_end() -> None:
    data = png(PIXELS).removesuffix(chunk(b"IEND"))
    assert read_png_header(data + chunk(b"tEXt", b"a\0b")).data == data


def test_the_decoder_gets_only_what_changes_pixels() -> None:
    extra = chunk(b"tEXt", b"a\0b") + chunk(b"eXIf", SIX) + chunk(b"gAMA", b"\0\0\0\1")
    data = png(PIXELS, before=extra, after=chunk(b"tIME", bytes(7)))
    assert read_png_header(data).data == png(PIXELS, before=chunk(b"eXIf", SIX))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_only_exif_rotates_a_photo(kind: str) -> None:
    upright, turned = io.BytesIO(), io.BytesIO()
    PICTURE.save(upright, kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    PICTURE.save(turned, kind, exif=exif)
    expected = np.rot90(seen(upright.getvalue()), -1).astype(int)
    assert np.abs(seen(turned.getvalue()) - expected).max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        inserted(JPEG, segment(APP1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
        png(PIXELS, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
        png(
            PIXELS,
            before=chunk(b"tEXt", b"Raw profile type exif\0\nexif\n34\n" + SIX.hex().encode()),
        ),
    ],
    ids=["jpeg-xmp", "png-xmp", "png-raw-profile"],
)
def test_no_other_metadata_rotates_a_photo(data: bytes) -> None:
    plain = JPEG if data.startswith(b"\xff") else PNG
    assert (seen(data) == seen(plain)).all()


def test_a_png_may_carry_the_header_that_jpegs_have_before_exif() -> None:
    with_it = png(PIXELS, before=chunk(b"eXIf", b"Exif\0\0" + SIX))
    assert (seen(with_it) == seen(png(PIXELS, before=chunk(b"eXIf", SIX)))).all()
    assert (seen(with_it) != seen(PNG)).any()


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        (SIX, 6),
        (b"MM\0*\0\0\0\x08\0\1" + pack(">HHIHH", 0x0112, 3, 1, 8, 0), 8),
        (SIX[:18] + b"\x09\0" + SIX[20:], 1),
        (SIX[:14] + b"\x02\0\0\0" + SIX[18:], 1),
        (SIX[:17], 1),
        (b"II*\0\xff\xff\xff\xff", 1),
        (b"", 1),
    ],
)
def test_the_orientation_of_sound_and_damaged_exif(exif: bytes, orientation: int) -> None:
    assert read_orientation(exif) == orientation


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_sixty_texts_take_no_memory_before_the_budget_is_asked() -> None:
    inflates = zlib.compress(bytes(1_000_000), 9)
    texts = [chunk(b"zTXt", b"key %d\0\0" % number + inflates) for number in range(60)]
    data = png(PIXELS, before=b"".join(texts))
    assert _peak(lambda: decode_cost(data, MAX_PIXELS, IMAGENET1K_V2)) < 1_000_000
    # what it is compared with: Pillow by itself inflates them all
    assert _peak(lambda: PngImageFile(io.BytesIO(data))) > 50_000_000


def test_a_large_file_is_not_copied_before_the_budget_is_asked() -> None:
    data = png(PIXELS, before=chunk(b"tEXt", b"a\0b"), after=chunk(b"IDAT", bytes(4_000_000)))
    assert _peak(lambda: decode_cost(data, MAX_PIXELS, IMAGENET1K_V2)) < 1_000_000


def test_a_directory_of_exif_that_points_to_megabytes_copies_none_of_it() -> None:
    entries = pack("<HHII", 0x9286, 7, 4_000_000, 0) * 65_535
    exif = b"II*\0\x08\0\0\0" + pack("<H", 65_535) + entries + bytes(4_000_000)
    data = png(PIXELS, before=chunk(b"eXIf", exif))
    assert _peak(lambda: decode_cost(data, MAX_PIXELS, IMAGENET1K_V2)) < 1_000_000
    assert (seen(data) == seen(PNG)).all()


@pytest.mark.parametrize("kind", [GREY, RGB, PALETTE])
def test_transparency_of_a_length_that_cannot_be_is_ignored(kind: int) -> None:
    samples = PIXELS if kind == RGB else PIXELS[:, :, 0] // 2
    colours = chunk(b"PLTE", bytes(range(256)) * 3)[: 12 + 768] if kind == PALETTE else b""
    plain = png(samples, kind=kind, before=colours)
    damaged = png(samples, kind=kind, before=colours + chunk(b"tRNS", bytes(257)))
    assert (seen(damaged) == seen(plain)).all()
