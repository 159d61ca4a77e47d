"""Photos of each kind that takes memory in its own way, as large as shows it."""

import zlib

import numpy as np
from PIL import Image

from tests.hostile.avifs import avif
from tests.hostile.heics import deep_heic, heic, with_matrix
from tests.hostile.jpegs import jpeg, with_junk
from tests.hostile.pngs import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, header, png
from tests.hostile.webps import many_codes, riff, webp

KINDS = [
    *("thin", "wide", "jpeg", "jpeg-progressive-420", "jpeg-progressive-444", "jpeg-cmyk"),
    *("jpeg-panorama-turned", "jpeg-whole", "png-grey", "png-grey-16", "png-grey-alpha"),
    *("png-rgb", "png-rgba", "png-palette", "png-1-bit"),
    *("avif", "avif-444", "avif-alpha", "avif-grain", "avif-noise", "avif-animated", "avif-tiles"),
    *("webp", "webp-lossless", "webp-alpha", "webp-lossless-alpha", "webp-noise", "webp-animated"),
    "webp-codes",
    *("heic", "heic-grid", "heic-444", "heic-grey", "heic-alpha", "heic-noise"),
    *("heic-deep", "heic-deep-grid", "heic-deep-444", "heic-deep-alpha", "heic-matrix"),
]
# Files that need far less than they might: copies of a large file, or what a decoder skips.
ODD_KINDS = [
    *("png-exif", "png-surplus", "png-surplus-in-chunk", "png-black-end"),
    *("png-chunks", "png-texts-without-end", "jpeg-without-end", "jpeg-junk"),
]
LARGE = 12_000_000


def large_photo(kind: str) -> bytes:
    """A photo of one of the `KINDS`."""
    if kind in ODD_KINDS:
        return odd_photo(kind)
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
        "heic": lambda: heic(colours),
        "heic-grid": lambda: heic(colours, tile_size=512),
        "heic-444": lambda: heic(colours, chroma=444),
        "heic-grey": lambda: heic(grey),
        "heic-alpha": lambda: heic(with_alpha),
        "heic-noise": lambda: heic(noise, quality=100, chroma=444),
        "heic-deep": lambda: deep_heic(colours),
        "heic-deep-grid": lambda: deep_heic(colours, tile_size=512),
        "heic-deep-444": lambda: deep_heic(colours, chroma=444),
        "heic-deep-alpha": lambda: deep_heic(with_alpha, chroma=444),
        "heic-matrix": lambda: with_matrix(heic(colours), 0),
    }[kind]()


def odd_photo(kind: str) -> bytes:
    """A photo of one of the `ODD_KINDS`."""
    small = np.full((8, 8, 3), 7, np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (1900, 2500, 3), np.uint8)
    black_end = noise.copy()
    black_end[-2:] = 0
    text, surplus = chunk(b"tEXt", b"key\0text"), chunk(b"IDAT", bytes(LARGE))
    texts = b"".join(
        chunk(b"zTXt", b"key %d\0\0" % number + zlib.compress(bytes(1_000_000), 9))
        for number in range(60)
    )
    in_chunk = zlib.compress(bytes(8 * 25)) + bytes(LARGE)
    return {
        "png-exif": lambda: png(small, before=chunk(b"eXIf", bytes(LARGE)) + text),
        "png-surplus": lambda: png(small, after=surplus),
        "png-surplus-in-chunk": lambda: header(8, 8) + chunk(b"IDAT", in_chunk) + chunk(b"IEND"),
        "png-black-end": lambda: png(black_end, before=text),
        "png-chunks": lambda: png(small, before=(text + chunk(b"IDAT")) * 9_900),
        "png-texts-without-end": lambda: png(small, after=texts).removesuffix(chunk(b"IEND")),
        "jpeg-without-end": lambda: jpeg(Image.fromarray(noise))[:-2],
        "jpeg-junk": lambda: with_junk(jpeg(Image.fromarray(noise))) + bytes(LARGE),
    }[kind]()
