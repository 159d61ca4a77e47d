"""Photos of each kind that takes memory in its own way, as large as shows it."""

import zlib

import numpy as np
from PIL import Image

from tests.hostile.avifs import avif
from tests.hostile.jpegs import jpeg
from tests.hostile.pngs import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, png
from tests.hostile.webps import many_codes, riff, webp

KINDS = [
    *("thin", "wide", "jpeg", "jpeg-progressive-420", "jpeg-progressive-444", "jpeg-cmyk"),
    *("jpeg-panorama-turned", "jpeg-whole", "png-grey", "png-grey-16", "png-grey-alpha"),
    *("png-rgb", "png-rgba", "png-palette", "png-1-bit"),
    *("avif", "avif-444", "avif-alpha", "avif-grain", "avif-noise", "avif-animated", "avif-tiles"),
    *("webp", "webp-lossless", "webp-alpha", "webp-lossless-alpha", "webp-noise", "webp-animated"),
    "webp-codes",
]


def large_photo(kind: str) -> bytes:
    """A photo of one of the `KINDS`."""
    if kind == "thin":
        return png(np.zeros((2_000_000, 1, 1), np.uint8), kind=GREY)
    if kind == "texts":
        inflates = zlib.compress(bytes(1_000_000), 9)
        texts = [chunk(b"zTXt", b"key %d\0\0" % number + inflates) for number in range(60)]
        return png(np.zeros((8, 8, 3), np.uint8), before=b"".join(texts))
    if kind == "wide":
        return png(np.zeros((1, 3_000_000, 3), np.uint8))
    gradient = np.add.outer(np.arange(3000), np.arange(4000)).astype(np.uint8)
    grey = Image.fromarray(gradient)
    colours = Image.merge("RGB", [grey, grey.rotate(180), grey])
    with_alpha = colours.copy()
    with_alpha.putalpha(grey)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (1300, 1700, 3), np.uint8))
    tiny_tiles = colours.resize((2048, 2048))
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "jpeg": lambda: jpeg(colours),
        "jpeg-progressive-420": lambda: jpeg(colours, progressive=True, subsampling=2),
        "jpeg-progressive-444": lambda: jpeg(colours, progressive=True, subsampling=0),
        "jpeg-cmyk": lambda: jpeg(colours.convert("CMYK")),
        "jpeg-panorama-turned": lambda: jpeg(colours.resize((30_000, 1_600)), exif=turned),
        "jpeg-whole": lambda: jpeg(colours.resize((7_000, 1_700))),
        "png-grey": lambda: png(gradient, kind=GREY),
        "png-grey-16": lambda: png(gradient.astype(int) * 257, 16, GREY),
        "png-grey-alpha": lambda: png(np.dstack([gradient] * 2), kind=GREY_ALPHA),
        "png-rgb": lambda: png(np.dstack([gradient] * 3), kind=RGB),
        "png-rgba": lambda: png(np.dstack([gradient] * 4), kind=RGBA),
        "png-palette": lambda: png(
            gradient, kind=PALETTE, before=chunk(b"PLTE", bytes(range(256)) * 3)
        ),
        "png-1-bit": lambda: png(gradient >> 7, 1, GREY),
        "avif": lambda: avif(colours),
        "avif-444": lambda: avif(colours, subsampling="4:4:4"),
        "avif-alpha": lambda: avif(with_alpha),
        "avif-grain": lambda: avif(colours, advanced={"film-grain-test": "1"}),
        "avif-noise": lambda: avif(noise, quality=95, subsampling="4:4:4"),
        "avif-animated": lambda: avif(colours, save_all=True, append_images=[colours]),
        "avif-tiles": lambda: avif(tiny_tiles, autotiling=False, tile_rows=6, tile_cols=6),
        "webp": lambda: webp(colours, lossless=False),
        "webp-lossless": lambda: webp(colours),
        "webp-alpha": lambda: webp(with_alpha, lossless=False),
        "webp-lossless-alpha": lambda: webp(with_alpha),
        "webp-noise": lambda: webp(noise),
        "webp-animated": lambda: webp(colours, save_all=True, append_images=[grey]),
        "webp-codes": lambda: riff(many_codes(1024)),
    }[kind]()
