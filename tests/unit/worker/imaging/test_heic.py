"""A HEIC is decoded as viewers show it, at what its parameter sets say, or refused."""

import io
from collections.abc import Callable
from functools import cache
from struct import pack

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from shared.errors import InvalidImage
from tests.hostile.avifs import box, with_size
from tests.hostile.heics import deep_heic, exif, heic, with_grid, with_parameter_size
from tests.unit.worker.imaging.optional_formats import (
    MAX_PIXELS,
    PICTURE,
    as_png,
    cost,
    decoded,
    noise,
    seen,
    sixteenths,
    transparent,
)
from worker.imaging.formats.heif.boxes import MAX_BOXES
from worker.imaging.formats.heif.heic_header import read_heic_header

OTHERS = [PICTURE.rotate(180)] * 3
STILL = heic(PICTURE)
GRID = heic(PICTURE, tile_size=128)
TINY = heic(PICTURE.crop((0, 0, 64, 64)))
# made when a test needs them: each takes the encoder a tenth of a second
KINDS: dict[str, Callable[[], bytes]] = {
    "4:2:0": lambda: STILL,
    "4:2:2": lambda: heic(PICTURE, chroma=422),
    "4:4:4": lambda: heic(PICTURE, chroma=444),
    "grey": lambda: heic(PICTURE.convert("L")),
    "lossless": lambda: heic(PICTURE, quality=-1, chroma=444),
    "grid": lambda: GRID,
    "grid-of-one": lambda: heic(PICTURE.crop((0, 0, 256, 256)), tile_size=256),
    "alpha": lambda: heic(transparent(PICTURE)),
    "grey-alpha": lambda: heic(transparent(PICTURE.convert("L"))),
    "10-bits": lambda: deep_heic(PICTURE),
    "10-bits-grid": lambda: deep_heic(PICTURE, tile_size=128),
    "10-bits-alpha": lambda: deep_heic(transparent(PICTURE)),
    "odd": lambda: heic(PICTURE.crop((0, 0, 251, 243))),
    "several": lambda: heic(PICTURE, save_all=True, append_images=OTHERS),
    "slices": lambda: heic(PICTURE, enc_params={"preset": "ultrafast", "x265:slices": "4"}),
}


@cache
def of_kind(kind: str) -> bytes:
    return KINDS[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_a_heic_gives_the_pixels_that_pillow_heif_decodes(kind: str) -> None:
    assert (seen(of_kind(kind)) == as_png(decoded(of_kind(kind)))).all()


def test_colours_that_are_multiplied_with_alpha_are_blended_once() -> None:
    image = Image.new("RGBA", (300, 300), (200, 100, 0, 128))
    square = seen(heic(image.convert("RGBa"), chroma=444)).astype(int)
    expected = [255 - 128 + sample * 128 // 255 for sample in (200, 100, 0)]
    assert np.abs(square - expected).max() <= 4
    hidden = heic(Image.new("RGBA", (300, 300), (200, 10, 30, 0)))
    assert (seen(hidden) == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 3), (700, 500)])
def test_a_heic_of_any_size_is_decoded(size: tuple[int, int]) -> None:
    data = heic(noise(size))
    assert (seen(data) == as_png(decoded(data))).all()


@pytest.mark.parametrize("tile_size", [0, 128])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once(orientation: int, tile_size: int) -> None:
    """The orientation is in boxes, as phones write it; EXIF in a HEIC does not count."""
    data = heic(PICTURE, exif=exif(orientation), tile_size=tile_size)
    assert (b"irot" in data or b"imir" in data) is (orientation != 1)
    upright = ImageOps.exif_transpose(
        as_image(decoded(STILL if not tile_size else GRID), orientation)
    )
    assert np.abs(seen(data).astype(int) - as_png(upright)).max() <= 1
    assert (seen(data) == as_png(decoded(STILL if not tile_size else GRID), orientation)).all()
    with Image.open(io.BytesIO(data)) as image:  # libheif turns it
        assert image.size == upright.size
        assert np.abs(np.asarray(image).astype(int) - np.asarray(upright)).max() <= 1
    other = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    assert b"Exif" not in read_heic_header(data.replace(b"Exif\0\0II", other[:8])).data


def as_image(image: Image.Image, orientation: int) -> Image.Image:
    """The picture, with EXIF that says how to turn it."""
    made = Image.Exif()
    made[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=made)
    return Image.open(file)


def test_a_mirror_ahead_of_a_rotation_comes_first() -> None:
    data = heic(PICTURE, exif=exif(5))
    numbers = data.index(b"ipma") + 4 + 4 + 4 + 2 + 1
    count = data[numbers - 1]
    listed = data[numbers : numbers + count]
    swapped = data[:numbers] + listed[:-2] + listed[:-3:-1] + data[numbers + count :]
    assert swapped != data
    with Image.open(io.BytesIO(swapped)) as image:
        assert (seen(swapped) == as_png(image)).mean() > 0.9
    assert read_heic_header(swapped).orientation == 7


def test_only_the_picture_reaches_the_decoder() -> None:
    plain = read_heic_header(STILL).data
    rich = heic(PICTURE, exif=exif(1) + bytes(50_000), xmp=b"x" * 99_999, thumbnails=[64, 128])
    assert len(rich) > len(STILL) + 149_000
    assert read_heic_header(rich).data == plain
    assert len(read_heic_header(of_kind("several")).data) < len(of_kind("several")) // 3
    for data in (plain, read_heic_header(GRID).data, read_heic_header(of_kind("alpha")).data):
        assert read_heic_header(data).data == data
    assert read_heic_header(STILL + box(b"free", b"anything")).data == plain


@pytest.mark.parametrize("kind", ["4:2:0", "alpha", "grid", "several", "10-bits"])
def test_a_heic_that_was_cut_short_says_so(kind: str) -> None:
    for cut in sixteenths(of_kind(kind)):
        with pytest.raises(InvalidImage, match="ends too early"):
            seen(cut)


BOMBS = {
    "picture and file": with_parameter_size(TINY, 65_528, 65_528),
    "one row": with_parameter_size(TINY, 8, 16_000_000),
    "a little too much": with_parameter_size(TINY, 10_000, 10_000),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=f"pixels; at most {MAX_PIXELS} in all"):
        cost(data)


PAYLOAD = b"".join(read_heic_header(TINY).picture.tiles[0])


def _file(payload: bytes) -> bytes:
    """A file with this picture of 64 x 64 pixels."""
    data = read_heic_header(TINY).data
    data = data.replace(pack(">I4s", 8 + len(PAYLOAD), b"mdat") + PAYLOAD, box(b"mdat", payload))
    return data.replace(pack(">I", len(PAYLOAD)), pack(">I", len(payload)))


CONTRADICTING = {
    "a file larger than its picture": with_size(STILL, 65_535, 65_535),
    "a file smaller than its picture": with_size(BOMBS["picture and file"], 64, 64),
    "a grid of 255 x 255": with_grid(GRID, 255, 255, 65_535, 65_535),
    "a larger grid": with_grid(GRID, 3, 3, 384, 9_999),
    "a grid of nothing": with_grid(GRID, 3, 3, 0, 0),
    "a grid of other rows": with_grid(GRID, 9, 1, 128, 1_152),
    "a smaller tile": GRID.replace(pack(">II", 128, 128), pack(">II", 64, 64)),
    "a second picture": _file(PAYLOAD * 2),
    "no picture": _file(b""),
    "only messages": _file(pack(">I", 3) + bytes([39 << 1, 1, 0])),
    "a picture that needs another": _file(PAYLOAD[:4] + b"\2" + PAYLOAD[5:]),
    "a slice without a first one": _file(PAYLOAD[:6] + bytes([PAYLOAD[6] & 0x7F]) + PAYLOAD[7:]),
    "no item of that number": STILL.replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\2"),
    "no parameters": STILL.replace(b"hvcC", b"free"),
    "no size": STILL.replace(b"ispe", b"free"),
    "no tiles": GRID.replace(b"dimg", b"free"),
    "no boxes": STILL[:24] + box(b"mdat"),
}


@pytest.mark.parametrize("data", CONTRADICTING.values(), ids=CONTRADICTING)
def test_a_header_that_contradicts_itself_is_refused_before_decoding(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(pillow_heif, "open_heif")
    for judge in (seen, cost):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            judge(data)


@pytest.mark.parametrize("kind", [b"iovl", b"iden", b"tmap", b"av01", b"unci", b"jpeg"])
def test_a_picture_of_another_type_is_refused(kind: bytes) -> None:
    with pytest.raises(InvalidImage, match="of an unusual type"):
        seen(STILL.replace(b"hvc1", kind, 1))


def test_parameter_sets_within_the_picture_do_not_reach_the_decoder() -> None:
    """They could say another size than those that were read."""
    sets = read_heic_header(BOMBS["picture and file"]).picture.config.content
    other = sets[sets.index(b"\x42\x01\x01") :][:40]
    data = _file(pack(">I", len(other)) + other + PAYLOAD)
    assert read_heic_header(data).data == read_heic_header(TINY).data
    assert (seen(data) == seen(TINY)).all()


def test_ten_thousand_parts_are_refused() -> None:
    unit = pack(">I", 3) + bytes([39 << 1, 1, 0])
    many = {
        "boxes": STILL + box(b"free") * 10_000,
        "places": STILL.replace(b"iloc\0\0\0\0D\x40\0\1", b"iloc\0\0\0\0D\x40\xff\xff"),
    }
    for name, data in many.items():
        with pytest.raises(InvalidImage, match=f"more than {MAX_BOXES} parts"):
            seen(data)
        assert data != STILL, name
    for payload in (unit * 10_000 + PAYLOAD, PAYLOAD + PAYLOAD.replace(b"\xaf", b"\x2f", 1) * 700):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            cost(_file(payload))
