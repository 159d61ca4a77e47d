"""Good but odd PNG files; see `odd`."""

import io
import random
from collections.abc import Iterator
from struct import pack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.picture import Picture, photo, pixels, plain
from tests.hostile.pngs import GREY, GREY_ALPHA, PALETTE, RGBA, chunk, header, png


def odd_pngs() -> Iterator[Picture]:
    """All of them."""
    rgb = pixels()
    grey = np.asarray(photo().convert("L"))
    alpha = np.linspace(0, 255, grey.size).reshape(grey.shape).astype(np.uint8)
    palette = photo().quantize(200)
    table = np.asarray(palette.getpalette(), np.uint8).reshape(-1, 3)
    indexed = np.asarray(palette)
    colours = chunk(b"PLTE", table.tobytes())
    noise = np.random.default_rng(2).integers(0, 256, rgb.shape)  # below the bits that count
    as_plain = {
        "interlaced": png(rgb, interlaced=True),
        "16-bit": png(rgb.astype(int) * 256 + noise, 16),
        "16-bit-interlaced": png(rgb.astype(int) * 257, 16, interlaced=True),
        "alpha-opaque": png(np.dstack([rgb, np.full_like(grey, 255)]), kind=RGBA),
        "text": png(rgb, before=chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")),
        "text-key-of-pillow": png(rgb, before=chunk(b"tEXt", b"bbox\x0010,20,30,40")),
        "gamma-of-2-bytes": png(rgb, before=chunk(b"gAMA", b"\0\1")),
        "second-header": png(rgb, before=header(20_000, 20_000)[8:]),
        "no-end": png(rgb)[:-12],
        "unknown-chunk": png(rgb, before=chunk(b"abCd", b"whatever")),
        "rubbish-behind": png(rgb) + random.Random(2).randbytes(100_000),
        "animated": _animated(),
    }
    for name, data in as_plain.items():
        yield Picture(f"png-{name}", data, plain())
    on_white = png(_on_white(rgb, alpha))
    with_alpha = np.dstack([rgb, alpha])
    yield Picture("png-alpha", png(with_alpha, kind=RGBA), on_white)
    yield Picture("png-16-bit-alpha", png(with_alpha.astype(int) * 257, 16, RGBA), on_white)
    drawing = np.dstack([np.zeros_like(rgb), 255 - grey])
    as_drawn = png(np.dstack([grey] * 3))
    yield Picture("png-alpha-alone", png(drawing, kind=RGBA), as_drawn)
    key = chunk(b"tRNS", pack(">HHH", *map(int, rgb[0, 0])))
    keyed = np.where((rgb == rgb[0, 0]).all(axis=2, keepdims=True), 255, rgb)
    yield Picture("png-colour-key", png(rgb, before=key), png(keyed))
    as_indexed = png(table[indexed])
    yield Picture("png-palette", png(indexed, kind=PALETTE, before=colours), as_indexed)
    opacity = np.linspace(0, 255, len(table)).astype(np.uint8)
    see_through = colours + chunk(b"tRNS", opacity.tobytes())
    indexed_on_white = png(_on_white(table[indexed], opacity[indexed]))
    yield Picture(
        "png-palette-alpha", png(indexed, 8, PALETTE, before=see_through), indexed_on_white
    )
    for depth in (1, 2, 4):
        levels = grey >> (8 - depth)
        ramp = np.linspace(0, 255, 1 << depth).round().astype(np.uint8)
        few = png(np.dstack([ramp[levels]] * 3))
        yield Picture(f"png-grey-{depth}-bit", png(levels, depth, GREY), few)
        tints = chunk(b"PLTE", np.repeat(ramp, 3).tobytes())
        yield Picture(f"png-palette-{depth}-bit", png(levels, depth, PALETTE, before=tints), few)
    as_grey = png(np.dstack([grey] * 3))
    yield Picture("png-grey", png(grey, kind=GREY), as_grey)
    grey_on_white = png(_on_white(np.dstack([grey] * 3), alpha))
    yield Picture("png-grey-alpha", png(np.dstack([grey, alpha]), kind=GREY_ALPHA), grey_on_white)
    yield Picture("png-grey-16-bit", png(grey.astype(int) * 257, 16, GREY), as_grey)
    deep = np.dstack([grey, alpha]).astype(int) * 257
    yield Picture("png-grey-16-bit-alpha", png(deep, 16, GREY_ALPHA), grey_on_white)


def _on_white(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = alpha[:, :, None] / 255
    return np.round(colours * share + 255 * (1 - share)).astype(np.uint8)


def _animated() -> bytes:
    file = io.BytesIO()
    second = photo().transpose(Image.Transpose.ROTATE_180)
    photo().save(file, "PNG", save_all=True, append_images=[second], duration=10)
    return file.getvalue()
