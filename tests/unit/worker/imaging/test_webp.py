"""A WebP is decoded as viewers show it, at what its header says, or refused."""

from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image

from shared.errors import InvalidImage, UnsupportedMediaType
from tests.hostile.webps import (
    TRANSPARENT,
    animation,
    chunk,
    extended,
    frame,
    lossless_of,
    lossy_of,
    picture,
    riff,
    webp,
)
from tests.unit.worker.imaging.optional_formats import (
    MAX_PIXELS,
    PICTURE,
    SMALL,
    as_png,
    cost,
    decoded,
    noise,
    seen,
    sixteenths,
    transparent,
)
from worker.imaging.formats import webp as decoder
from worker.imaging.formats.webp_chunks import read_webp_header
from worker.imaging.preprocess import preprocess
from worker.imaging.refusals import MAX_FRAMES
from worker.models.transforms import IMAGENET1K_V1


@pytest.mark.parametrize("size", [(1, 1), (260, 290), (700, 500), (30, 900)])
@pytest.mark.parametrize("change", [lambda image: image, transparent], ids=["opaque", "alpha"])
def test_a_lossless_webp_gives_the_pixels_of_the_same_png(
    size: tuple[int, int], change: Callable[[Image.Image], Image.Image]
) -> None:
    image = change(noise(size))
    assert (seen(webp(image, exact=True)) == as_png(image)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("options", [{}, {"lossless": False, "quality": 90}], ids=["VP8L", "VP8"])
def test_a_webp_is_turned_by_its_exif(orientation: int, options: dict[str, object]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = as_png(decoded(webp(PICTURE, **options)), orientation)
    assert (seen(webp(PICTURE, exif=exif, **options)) == expected).all()


def test_a_lossy_webp_with_alpha_is_blended_on_white() -> None:
    data = webp(transparent(PICTURE), lossless=False, quality=90)
    assert b"ALPH" in data[:60]
    assert (seen(data) == as_png(decoded(data))).all()
    hidden = webp(Image.new("RGBA", (300, 300), (200, 10, 30, 0)), exact=True)
    assert (seen(hidden) == 255).all()


def test_an_alpha_channel_that_the_header_denies_is_ignored() -> None:
    whole = webp(transparent(PICTURE), lossless=False, quality=90)
    for flags in (0, TRANSPARENT):
        data = riff(extended(flags, 260, 290), whole[whole.index(b"ALPH") :])
        assert (seen(data) == as_png(decoded(data))).all()


def test_an_animation_is_its_first_frame() -> None:
    data = webp(PICTURE, save_all=True, append_images=[PICTURE.rotate(180)] * 2)
    assert (seen(data) == as_png(PICTURE)).all()


def test_a_first_frame_within_a_larger_canvas_lies_on_white() -> None:
    inner = frame(picture(webp(SMALL)), 100, 50, *SMALL.size)
    expected = Image.new("RGB", (260, 290), "white")
    expected.paste(SMALL, (100, 50))
    later = frame(picture(webp(PICTURE)), 0, 0, *PICTURE.size)
    assert (seen(animation(260, 290, inner, later)) == as_png(expected)).all()


def test_later_frames_and_metadata_do_not_reach_the_decoder() -> None:
    still = read_webp_header(webp(PICTURE)).data
    exif = chunk(b"EXIF", bytes(1_000_000))
    files = [
        riff(extended(0x2C, 260, 290), chunk(b"ICCP", bytes(999)), picture(webp(PICTURE)), exif),
        riff(chunk(b"XMP ", b"?" * 77), picture(webp(PICTURE))) + b"anything behind",
    ]
    assert [read_webp_header(data).data for data in files] == [still, still]
    broken = chunk(b"ANMF", b"no frame")
    first = frame(picture(webp(PICTURE)), 0, 0, 260, 290)
    one, many = (animation(260, 290, first, *[broken] * count) for count in (0, 50))
    assert read_webp_header(many).data == read_webp_header(one).data
    assert (seen(many) == as_png(PICTURE)).all()


@pytest.mark.parametrize("kind", ["VP8", "VP8L", "alpha", "animation"])
def test_a_webp_that_was_cut_short_says_so(kind: str) -> None:
    data = {
        "VP8": partial(webp, PICTURE, lossless=False),
        "VP8L": partial(webp, PICTURE),
        "alpha": partial(webp, transparent(PICTURE), lossless=False),
        "animation": partial(webp, PICTURE, save_all=True, append_images=[PICTURE.rotate(180)] * 3),
    }[kind]()
    for cut in sixteenths(data):
        with pytest.raises(InvalidImage, match="ends too early"):
            seen(cut)


@pytest.mark.parametrize("lossless", [True, False])
def test_a_picture_whose_data_is_missing_within_a_whole_file_is_refused(lossless: bool) -> None:
    content = picture(webp(PICTURE, lossless=lossless))
    kind, data = content[:4], content[8:]
    for part in range(1, 16):
        with pytest.raises(InvalidImage):
            seen(riff(chunk(kind, data[: len(data) * part // 16])))


BOMBS = {
    "lossless": riff(lossless_of(16_383, 16_383)),
    "lossy": riff(lossy_of(16_383, 16_383)),
    "canvas": animation(2**24, 255, frame(picture(webp(SMALL)), 0, 0, *SMALL.size)),
    "frame": animation(16_384, 16_384, frame(lossless_of(16_383, 16_383), 0, 0, 16_383, 16_383)),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=f"pixels; at most {MAX_PIXELS} in all"):
        cost(data)


DISAGREEING = {
    "a canvas other than the picture": riff(extended(0, 60, 80), lossless_of(16_383, 3_000)),
    "a frame other than its picture": animation(
        60, 80, frame(lossless_of(16_383, 3_000), 0, 0, 60, 80)
    ),
    "a frame beyond the canvas": animation(60, 80, frame(picture(webp(SMALL)), 2, 0, 60, 80)),
    "a frame without a canvas": riff(frame(picture(webp(SMALL)), 0, 0, 60, 80)),
    "a picture without width": riff(lossy_of(0, 80)),
    "an animation without a frame": animation(60, 80),
    "an empty frame": animation(60, 80, frame(b"", 0, 0, 60, 80)),
    "no picture": riff(extended(TRANSPARENT, 60, 80)),
    "no chunk": riff(),
    "empty chunks": riff(*map(chunk, (b"VP8X", b"VP8 "))),
    "an empty lossless picture": riff(chunk(b"VP8L")),
}


@pytest.mark.parametrize("data", DISAGREEING.values(), ids=DISAGREEING)
def test_a_header_that_contradicts_itself_is_refused_before_decoding(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(decoder, "WebPImageFile")
    for judge in (seen, cost):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            judge(data)


def test_ten_thousand_frames_are_refused() -> None:
    frames = [frame(picture(webp(SMALL)), 0, 0, *SMALL.size)] * 10_000
    with pytest.raises(InvalidImage, match=f"more than {MAX_FRAMES} frames"):
        seen(animation(60, 80, *frames))
    within = frame(chunk(b"junk") * 10_000 + picture(webp(SMALL)), 0, 0, *SMALL.size)
    with pytest.raises(InvalidImage, match=f"more than {MAX_FRAMES} frames"):
        seen(animation(60, 80, within))


def test_a_webp_is_only_accepted_if_the_setting_lists_it() -> None:
    with pytest.raises(UnsupportedMediaType, match="neither JPEG nor PNG"):
        preprocess(webp(PICTURE), IMAGENET1K_V1, MAX_PIXELS)
    with pytest.raises(UnsupportedMediaType, match="not JPEG, PNG, WebP, AVIF or HEIC"):
        seen(b"GIF89a")


def test_a_lack_of_memory_is_not_the_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(_: object) -> None:
        raise OSError("could not create decoder object")

    monkeypatch.setattr(decoder, "WebPImageFile", without_memory)
    with pytest.raises(InvalidImage):
        seen(webp(SMALL))
    monkeypatch.setattr(decoder, "PIXEL_BYTES", 2**50)
    with pytest.raises(MemoryError):
        seen(webp(SMALL))
