"""Good, broken and malicious files of the formats that `PHOTO_FORMATS` adds."""

import random
from collections.abc import Iterator

from PIL import Image

from tests.hostile import webps
from tests.hostile.avifs import avif, box, with_item_type, with_picture_size, with_size
from tests.hostile.picture import Picture, photo, plain
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


def _many(small: Image.Image) -> Iterator[Picture]:
    """Very many parts."""
    tiny = small.resize((16, 16))
    frames = [frame(webps.picture(webp(tiny)), 0, 0, 16, 16)] * FRAMES
    yield Picture("webp-10000-frames", animation(16, 16, *frames))
    yield Picture("webp-10000-chunks", webps.riff(chunk(b"junk") * FRAMES, *frames[:1]))
    yield Picture("avif-10000-boxes", avif(small) + box(b"free") * FRAMES)
    moving = avif(tiny, save_all=True, append_images=[tiny.rotate(90)] * (FRAMES - 1), quality=1)
    yield Picture("avif-10000-frames", moving)
    yield Picture("most-pixels-webp", webp(Image.new("RGB", (7_000, 7_000), "teal")))
