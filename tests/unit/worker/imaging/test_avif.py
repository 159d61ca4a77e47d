"""An AVIF is decoded as viewers show it, at what its AV1 picture says, or refused."""

import io
from functools import partial
from struct import pack

import pytest
from PIL import AvifImagePlugin, Image, ImageOps

from shared.errors import InvalidImage, UnsupportedMediaType
from shared.photo_formats import PhotoFormats
from tests.hostile.avifs import (
    avif,
    box,
    sequence_header,
    with_item_type,
    with_picture_size,
    with_size,
)
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
from worker.imaging.formats import avif as decoder
from worker.imaging.formats.heif.avif_header import read_avif_header
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V1

STILL = avif(PICTURE)
KINDS = {
    "4:2:0": partial(avif, PICTURE),
    "4:2:2": partial(avif, PICTURE, subsampling="4:2:2"),
    "4:4:4": partial(avif, PICTURE, subsampling="4:4:4"),
    "grey": partial(avif, PICTURE.convert("L"), subsampling="4:0:0"),
    "lossless": partial(avif, PICTURE, quality=100, subsampling="4:4:4"),
    "alpha": partial(avif, transparent(PICTURE)),
    "grey-alpha": partial(avif, transparent(PICTURE.convert("L")), subsampling="4:0:0"),
    "premultiplied": partial(avif, transparent(PICTURE), alpha_premultiplied=True),
    "grain": partial(avif, PICTURE, advanced={"film-grain-test": "1"}),
    "tiles": partial(avif, PICTURE, autotiling=False, tile_rows=1, tile_cols=1),
    "full-range": partial(avif, PICTURE, range="limited"),
    "animation": partial(avif, PICTURE, save_all=True, append_images=[PICTURE.rotate(180)] * 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_avif_gives_the_pixels_that_pillow_decodes(kind: str) -> None:
    data = KINDS[kind]()
    assert (seen(data) == as_png(decoded(data))).all()


def test_how_colours_are_stored_is_read_from_behind_a_colour_profile() -> None:
    data = avif(Image.new("RGB", (300, 300), (200, 30, 90)), icc_profile=bytes(5_000))
    at = data.index(b"colrnclx") + 12
    other = data[:at] + pack(">H", 1) + data[at + 2 :]  # the matrix of BT.709, not of BT.601
    assert data.index(b"colrprof") < at
    assert (seen(other) == as_png(decoded(other))).all()
    assert (seen(other) != seen(data)).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 3), (700, 500)])
def test_an_avif_of_any_size_is_decoded(size: tuple[int, int]) -> None:
    data = avif(noise(size))
    assert (seen(data) == as_png(decoded(data))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_once(orientation: int) -> None:
    """Pillow writes the orientation as boxes; EXIF in an AVIF does not count."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = avif(PICTURE, exif=exif)
    assert (seen(data) == as_png(decoded(STILL), orientation)).all()
    with Image.open(io.BytesIO(data)) as image:
        assert (seen(data) == as_png(ImageOps.exif_transpose(image))).all()
    other = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    assert b"Exif" not in read_avif_header(avif(PICTURE, exif=other)).data


def test_an_alpha_channel_is_blended_on_white() -> None:
    hidden = avif(Image.new("RGBA", (300, 300), (200, 10, 30, 0)))
    assert (seen(hidden) == 255).all()


def test_only_the_picture_reaches_the_decoder() -> None:
    exif = Image.Exif()
    exif[0x010E] = "d" * 50_000
    with_metadata = avif(PICTURE, exif=exif, xmp=b"x" * 99_999, icc_profile=b"")
    assert len(with_metadata) > len(STILL) + 149_000
    assert read_avif_header(with_metadata).data == read_avif_header(STILL).data
    animation = avif(PICTURE, save_all=True, append_images=[PICTURE.rotate(180)] * 3)
    assert animation[8:12] == b"avis"
    assert len(read_avif_header(animation).data) < len(animation) * 2 // 3
    passed = read_avif_header(STILL).data
    assert read_avif_header(passed).data == passed
    assert read_avif_header(STILL + box(b"free", b"anything")).data == passed


@pytest.mark.parametrize("kind", ["4:2:0", "alpha", "animation", "lossless"])
def test_an_avif_that_was_cut_short_says_so(kind: str) -> None:
    for cut in sixteenths(KINDS[kind]()):
        with pytest.raises(InvalidImage, match="ends too early"):
            seen(cut)


BOMBS = {
    "picture and file": with_picture_size(STILL, 16_000, 16_000),
    "one row": with_picture_size(STILL, 65_536, 60_000),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=f"pixels; at most {MAX_PIXELS} in all"):
        cost(data)


def _file(payload: bytes, kind: bytes = b"av01") -> bytes:
    """A file with one picture of 260 x 290 pixels."""
    whole = read_avif_header(STILL)
    old = b"".join(whole.picture.parts)
    data = whole.data.replace(pack(">I4s", 8 + len(old), b"mdat") + old, box(b"mdat", payload))
    return data.replace(pack(">I", len(old)), pack(">I", len(payload))).replace(b"av01", kind)


def _payload() -> bytes:
    return b"".join(read_avif_header(STILL).picture.parts)


CONTRADICTING = {
    "a file smaller than its picture": with_size(BOMBS["picture and file"], 260, 290),
    "a file larger than its picture": with_size(STILL, 4_000, 4_000),
    "a second sequence header": _file(_payload()[:14] + _payload()[2:]),
    "a second frame": _file(_payload() + _payload()[14:]),
    "a tile list": _file(_payload() + bytes([8 << 3 | 2, 0])),
    "no frame": _file(_payload()[:14]),
    "no sequence header": _file(_payload()[:2] + _payload()[14:]),
    "an empty picture": _file(b""),
    "no item of that number": STILL.replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\2"),
    "no primary item": STILL.replace(b"pitm", b"free"),
    "no places": STILL.replace(b"iloc", b"free"),
    "no properties": STILL.replace(b"iprp", b"free"),
    "no size": STILL.replace(b"ispe", b"free"),
    "no boxes": STILL[:32],
}


@pytest.mark.parametrize("data", CONTRADICTING.values(), ids=CONTRADICTING)
def test_a_header_that_contradicts_itself_is_refused_before_decoding(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(AvifImagePlugin, "AvifImageFile")
    for judge in (seen, cost):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            judge(data)


@pytest.mark.parametrize("kind", [b"grid", b"iovl", b"tmap", b"hvc1"])
def test_a_picture_that_is_put_together_of_others_is_refused(kind: bytes) -> None:
    with pytest.raises(InvalidImage, match="put together of several pictures"):
        seen(with_item_type(STILL, kind))


def test_a_frame_that_is_no_key_frame_or_has_a_size_of_its_own_is_refused() -> None:
    """Its own size may be larger than the one that the sequence header says."""
    data = KINDS["animation"]()
    payload = b"".join(read_avif_header(data).picture.parts)
    frame = 4 + sequence_header(data)[1]  # after the temporal delimiter and the sequence header
    assert payload[frame] == 0x32  # a frame
    start = frame + 2 + sum(byte >> 7 for byte in payload[frame + 1 : frame + 4])
    # shown, not shown before, a key frame; no screen content; the size of the sequence header
    assert payload[start] == 0b0001_0000
    place = data.index(payload[frame : frame + 40]) + start - frame
    for bits in (0b1001_0000, 0b0101_0000, 0b0011_0000, 0, 0b0001_0010):
        with pytest.raises(InvalidImage):
            read_avif_header(data[:place] + bytes([bits]) + data[place + 1 :])
    assert read_avif_header(data[:place] + b"\x18" + data[place + 1 :])


def test_an_avif_is_only_accepted_if_the_setting_lists_it() -> None:
    with pytest.raises(UnsupportedMediaType, match="neither JPEG nor PNG"):
        preprocess(STILL, IMAGENET1K_V1, MAX_PIXELS)
    others = PhotoFormats.parse("jpeg,png,webp")
    with pytest.raises(UnsupportedMediaType, match="not JPEG, PNG or WebP"):
        preprocess(STILL, IMAGENET1K_V1, MAX_PIXELS, others)
    assert seen(STILL[:8] + b"mif1" + STILL[12:]).shape == (224, 224, 3)


def test_a_lack_of_memory_is_not_the_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(_: object) -> None:
        raise RuntimeError("Failed to decode frame 0: Decoding of color planes failed")

    monkeypatch.setattr(AvifImagePlugin, "AvifImageFile", without_memory)
    with pytest.raises(InvalidImage):
        seen(STILL)
    monkeypatch.setattr(decoder, "_BESIDE_PIXEL", 2.0**40)
    with pytest.raises(MemoryError):
        seen(STILL)
