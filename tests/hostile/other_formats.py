"""Good, broken and malicious files of the formats that `PHOTO_FORMATS` adds."""

import random
from collections.abc import Iterator

from PIL import Image

from tests.hostile import webps
from tests.hostile.avifs import avif, box, with_item_type, with_picture_size, with_size
from tests.hostile.heics import deep_heic, exif, heic, with_grid, with_parameter_size
from tests.hostile.picture import Picture, photo, plain
from tests.hostile.sequences import (
    compact_sizes,
    fragment,
    movie,
    sizes,
    track,
    with_movie_behind,
)
from tests.hostile.webps import animation, chunk, extended, frame, lossless_of, lossy_of, webp

FLIPS = 60
FRAMES = 10_000
TURNED = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"


def odd_webps() -> Iterator[Picture]:
    """Good ones, whose pixels are those of the plain picture."""
    still, size = webp(photo()), photo().size
    content = webps.picture(still)
    opaque = photo().convert("RGBA")
    files = {
        "lossless": still,
        "alpha-opaque": webp(opaque),
        "exif": webp(photo(), exif=TURNED, xmp=bytes(9_999)),
        "animated": webp(photo(), save_all=True, append_images=[photo().rotate(180)] * 20),
        "rubbish-behind": still + b"rubbish",
        "unknown-chunks": webps.riff(chunk(b"junk", b"odd") * 99, content, chunk(b"VP8 ")),
        "broken-later-frames": animation(
            *size, frame(content, 0, 0, *size), *[chunk(b"ANMF", b"no frame")] * 99
        ),
    }
    for name, data in files.items():
        yield Picture(f"webp-{name}", data, plain())


def broken_others() -> Iterator[Picture]:
    """All that have no plain picture."""
    small = photo().resize((96, 64))
    clear = small.copy()
    clear.putalpha(small.convert("L"))
    whole = {
        "webp-lossy": webp(small, lossless=False),
        "webp-still": webp(small),
        "webp-clear": webp(clear, lossless=False),
        "webp-moving": webp(small, save_all=True, append_images=[small.rotate(180)] * 3),
        "avif-still": avif(small),
        "avif-clear": avif(clear),
        "avif-moving": avif(small, save_all=True, append_images=[small.rotate(180)] * 3),
        "heic-still": heic(small),
        "heic-clear": heic(clear),
        "heic-grid": heic(small, tile_size=64),
        "heic-deep": deep_heic(small),
        "heic-turned": heic(small, exif=exif(6)),
    }
    for name, data in whole.items():
        yield Picture(f"{name}-whole", data)
        for part in range(1, 16):
            yield Picture(f"{name}-sixteenth-{part:02}", data[: len(data) * part // 16])
        rng = random.Random(name)
        for number in range(FLIPS):
            flipped = bytearray(data)
            flipped[rng.randrange(len(data) if number % 2 else min(300, len(data)))] ^= (
                1 << rng.randrange(8)
            )
            yield Picture(f"{name}-flip-{number:03}", bytes(flipped))
    yield from _bombs(small)
    yield from _many(small)


def _bombs(small: Image.Image) -> Iterator[Picture]:
    """A few bytes that say that they are a huge picture."""
    first = frame(webps.picture(webp(small)), 0, 0, *small.size)
    huge = frame(lossless_of(16_383, 16_383), 0, 0, 16_383, 16_383)
    still = avif(small)
    yield from (
        Picture("head-webp-lossless", webps.riff(lossless_of(16_383, 16_383))),
        Picture("head-webp-lossy", webps.riff(lossy_of(16_383, 16_383))),
        Picture("head-webp-canvas", animation(2**24, 255, first)),
        Picture("head-webp-frame", animation(16_384, 16_384, huge)),
        Picture("head-webp-harmless-canvas", webps.riff(extended(0, 96, 64) + huge)),
        Picture("head-webp-harmless-frame", animation(96, 64, huge)),
        Picture("head-avif-picture", with_picture_size(still, 16_384, 16_384)),
        Picture("head-avif-file", with_size(still, 65_535, 65_535)),
        Picture("head-avif-harmless", with_size(with_picture_size(still, 9_999, 9_999), 96, 64)),
        Picture("head-avif-grid", with_item_type(still, b"grid")),
    )
    heif, tiles = heic(small), heic(small, tile_size=64)
    yield from (
        Picture("head-heic-picture", with_parameter_size(heif, 65_528, 65_528)),
        Picture("head-heic-file", with_size(heif, 65_535, 65_535)),
        Picture("head-heic-harmless", with_size(with_parameter_size(heif, 16_384, 16_384), 96, 64)),
        Picture("head-heic-grid", with_grid(tiles, 255, 255, 65_535, 65_535)),
        Picture("head-heic-no-tiles", with_grid(tiles, 1, 1, 64, 64)),
    )


def _many(small: Image.Image) -> Iterator[Picture]:
    """Very many parts."""
    tiny = small.resize((16, 16))
    frames = [frame(webps.picture(webp(tiny)), 0, 0, 16, 16)] * FRAMES
    yield Picture("webp-10000-frames", animation(16, 16, *frames))
    yield Picture("webp-10000-chunks", webps.riff(chunk(b"junk") * FRAMES, *frames[:1]))
    yield Picture("avif-10000-boxes", avif(small) + box(b"free") * FRAMES)
    moving = avif(tiny, save_all=True, append_images=[tiny.rotate(90)] * (FRAMES - 1), quality=1)
    yield Picture("avif-10000-frames", moving)
    yield Picture("avif-10000-frames-and-then-tracks", with_movie_behind(moving))
    yield from _many_of_heic(small)
    for name, still in {"avif": avif(small), "heic": heic(small)}.items():
        for tracks, data in _tracks().items():
            yield Picture(f"{name}-{tracks}", still + data)
    yield Picture("most-pixels-webp", webp(Image.new("RGB", (7_000, 7_000), "teal")))


def _tracks() -> dict[str, bytes]:
    """Tracks of an animation that nothing has to read, as there is a picture beside them."""
    many, half = track(sizes(FRAMES)), track(sizes(FRAMES // 2))
    return {
        "10000-in-a-track": movie(many),
        "10000-compact": movie(track(compact_sizes(FRAMES))),
        "10000-in-two-tracks": movie(half, half),
        "10000-not-there": movie(track(sizes(FRAMES, listed=False))),
        "10000-in-fragments": movie(track(sizes(0))) + fragment(FRAMES // 100) * 100,
        "10000-tracks": movie(*[track(sizes(1))] * FRAMES),
        "few-frames": movie(track(sizes(20))),
        "broken-tracks": box(b"moov", b"\xff\xff\xff\xff" + many[4:]),
    }


def _many_of_heic(small: Image.Image) -> Iterator[Picture]:
    tiny = small.resize((16, 16))
    whole = heic(small)
    at = whole.index(b"iinf") + 10
    entry = box(b"infe", b"\2\0\0\0\0\7\0\0hvc1\0")
    items = whole[: at - 10 - 4] + box(b"iinf", bytes(6) + entry * FRAMES) + whole[at - 14 :]
    meta = len(entry) * FRAMES + 14
    start = whole.index(b"meta") - 4
    length = int.from_bytes(whole[start : start + 4], "big") + meta
    yield Picture(
        "heic-10000-items", items[:start] + length.to_bytes(4, "big") + items[start + 4 :]
    )
    yield Picture("heic-10000-boxes", whole + box(b"free") * FRAMES)
    yield Picture("heic-300-pictures", heic(tiny, save_all=True, append_images=[tiny] * 299))
