"""Pictures that are none, or that no decoder should be asked to finish."""

import io
import random
import zlib
from collections.abc import Iterator
from struct import pack

import numpy as np
from PIL import Image

from tests.hostile.jpegs import COM, EOI, SOI, SOS, inserted, jpeg, segment, with_frame
from tests.hostile.odd import Picture, photo, plain
from tests.hostile.pngs import GREY, MAGIC, RGBA, chunk, header, png

FLIPS = 100
FRAMES = 10_000


def broken_pictures() -> Iterator[Picture]:
    """All of them."""
    small = photo().resize((96, 64))
    files = {
        "jpeg": jpeg(small),
        "progressive": jpeg(small, progressive=True),
        "png": png(np.asarray(small)),
        "interlaced": png(np.asarray(small), interlaced=True),
    }
    yield Picture("empty", b"")
    for byte in (0x00, 0x89, 0xFF):
        yield Picture(f"one-byte-{byte:02x}", bytes([byte]))
    for name, data in files.items():
        for part in range(1, 16):
            cut = data[: len(data) * part // 16]
            yield Picture(f"{name}-cut-{part:02}", cut)
            if data.startswith(SOI):
                yield Picture(f"{name}-cut-with-end-{part:02}", cut + bytes([0xFF, EOI]))
        yield from _flipped(name, data)
    yield from _wrong_magic(files["jpeg"], files["png"])
    yield from _other_formats()
    yield from _impossible_jpegs(files["jpeg"], files["progressive"])
    yield from _impossible_pngs()
    yield from _sizes()
    yield from _bombs()


def _flipped(name: str, data: bytes) -> Iterator[Picture]:
    """One bit each: anywhere, and within the first bytes, where most of the meaning is."""
    rng = random.Random(name)
    for place, end in (("anywhere", len(data)), ("head", min(700, len(data)))):
        for number in range(FLIPS):
            flipped = bytearray(data)
            flipped[rng.randrange(end)] ^= 1 << rng.randrange(8)
            yield Picture(f"{name}-flip-{place}-{number:03}", bytes(flipped))


def _wrong_magic(a_jpeg: bytes, a_png: bytes) -> Iterator[Picture]:
    yield Picture("magic-jpeg-zeroed", b"\0\0" + a_jpeg[2:])
    yield Picture("magic-jpeg-rubbish-before", b"rubbish" + a_jpeg)
    yield Picture("magic-png-as-text", a_png.replace(b"\r\n", b"\n"))
    yield Picture("magic-png-7-bit", bytes([a_png[0] & 0x7F]) + a_png[1:])
    yield Picture("magic-jpeg-then-png", b"\xff\xd8\xff" + a_png)
    yield Picture("magic-png-then-jpeg", MAGIC + a_jpeg)
    yield Picture("magic-jpeg-alone", b"\xff\xd8\xff")
    yield Picture("magic-png-alone", MAGIC)


def _other_formats() -> Iterator[Picture]:
    for kind in ("GIF", "WEBP", "TIFF", "BMP", "ICO", "AVIF", "JPEG2000", "PDF", "PPM", "PCX"):
        file = io.BytesIO()
        photo().resize((48, 32)).save(file, kind)
        yield Picture(f"other-{kind.lower()}", file.getvalue())
    heads = {
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "tiff-big-endian": b"MM\0*\0\0\0\x08",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "svg-entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "&b;&b;">]><a>&b;</a>',
        "html": b"<!doctype html><script>alert(1)</script>",
        "jxl": b"\xff\x0a" + bytes(50),
        "psd": b"8BPS\0\x01" + bytes(50),
        "mp4": b"\0\0\0\x18ftypmp42" + bytes(50),
        "zip": b"PK\3\4" + bytes(50),
        "elf": b"\x7fELF" + bytes(50),
        "pickle": b"\x80\x04\x95cposix\nsystem\n.",
        "mng": b"\x8aMNG\r\n\x1a\n" + bytes(50),
    }  # fmt: skip
    for name, head in heads.items():
        yield Picture(f"other-{name}", head)


def _impossible_jpegs(data: bytes, progressive: bytes) -> Iterator[Picture]:
    """Well formed as far as the header goes, but no JPEG that can be decoded."""
    yield Picture("jpeg-12-bit", with_frame(data, 0xC1, precision=12))
    yield Picture("jpeg-16-bit", with_frame(data, precision=16))
    for name, marker in {
        "lossless-in-name-only": 0xC3,
        "hierarchical": 0xC5,
        "jpeg-ls": 0xF7,
    }.items():
        yield Picture(f"jpeg-{name}", with_frame(data, marker))
    yield Picture("jpeg-arithmetic-in-name-only", with_frame(data, 0xC9))
    yield Picture("jpeg-without-height", with_frame(data, height=0))
    yield Picture("jpeg-without-width", with_frame(data, width=0))
    yield Picture("jpeg-no-frame", SOI + segment(COM, b"hello") + bytes([0xFF, EOI]))
    yield Picture("jpeg-no-scan", data[: data.index(bytes([0xFF, SOS]))] + bytes([0xFF, EOI]))
    yield Picture("jpeg-no-tables", data.replace(b"\xff\xc4", b"\xff\xfe"))
    second = data[data.index(b"\xff\xc0") :][:19]
    yield Picture("jpeg-two-frames", inserted(data, second))
    yield Picture("jpeg-10000-frames", inserted(data, second * FRAMES))
    last = progressive[progressive.rfind(bytes([0xFF, SOS])) : -2]
    yield Picture("jpeg-3000-scans", progressive[:-2] + last * 3_000 + progressive[-2:])
    yield Picture("jpeg-2000-segments", inserted(data, segment(COM) * 2_000))


def _impossible_pngs() -> Iterator[Picture]:
    rows = chunk(b"IDAT", zlib.compress(bytes(3 * 8 + 1) * 8))
    end = chunk(b"IEND")
    head = header(8, 8)
    yield Picture("png-no-pixels", head + end)
    yield Picture("png-empty-pixels", head + chunk(b"IDAT") + end)
    yield Picture("png-no-header", MAGIC + rows + end)
    yield Picture("png-header-crc", head[:-1] + bytes([head[-1] ^ 1]) + rows + end)
    yield Picture("png-rows-missing", header(8, 80) + rows + end)
    yield Picture("png-no-zlib", head + chunk(b"IDAT", b"no zlib at all") + end)
    yield Picture("png-no-palette", header(8, 8, 8, 3) + rows + end)
    yield Picture("png-depth-3", header(8, 8, 3) + rows + end)
    yield Picture("png-colour-5", header(8, 8, 8, 5) + rows + end)
    yield Picture("png-interlace-2", header(8, 8, 8, 2, 2) + rows + end)
    yield Picture("png-length-4-GB", head + pack(">I4s", 2**32 - 1, b"IDAT") + rows[8:] + end)
    yield Picture("png-25000-chunks", head + chunk(b"tEXt") * 25_000 + rows + end)
    control = chunk(b"fcTL", pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 100, 0, 0))
    frames = (control + chunk(b"fdAT", bytes(4) + rows[8:-4])) * (FRAMES - 1)
    animated = chunk(b"acTL", pack(">II", FRAMES, 0)) + control + rows + frames
    yield Picture("png-10000-frames", head + animated + end)


def _sizes() -> Iterator[Picture]:
    for width, height in ((1, 1), (1, 20_000), (20_000, 1), (2, 3)):
        samples = np.full((height, width, 3), 90, np.uint8)
        yield Picture(f"size-png-{width}x{height}", png(samples))
        yield Picture(f"size-jpeg-{width}x{height}", jpeg(Image.fromarray(samples)))
    small = jpeg(photo().resize((96, 64)))
    for width, height in ((30_000, 30_000), (65_535, 65_535), (50_000, 1_001)):
        yield Picture(f"head-jpeg-{width}x{height}", with_frame(small, width=width, height=height))
        yield Picture(f"head-png-{width}x{height}", header(width, height) + plain()[33:])
    for width, height in ((2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (0, 8), (8, 0)):
        yield Picture(f"head-png-{width}x{height}", header(width, height) + plain()[33:])


def _bombs() -> Iterator[Picture]:
    """Small files that become large."""
    zeros = zlib.compress(bytes(200_000_000), 9)
    rows = chunk(b"IDAT", zlib.compress(bytes(3 * 8 + 1) * 8))
    end = chunk(b"IEND")
    text = {
        "ztxt": chunk(b"zTXt", b"Comment\0\0" + zeros),
        "itxt": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros),
        "icc": chunk(b"iCCP", b"icc\0\0" + zeros),
        "many-ztxt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9)) * 300,
    }
    for name, bomb in text.items():
        yield Picture(f"bomb-{name}", header(8, 8) + bomb + rows + end)
    yield Picture("bomb-pixels-behind", header(8, 8) + chunk(b"IDAT", zeros) + end)
    line = zlib.compress(bytes(20_000 * (20_000 // 8 + 1)), 9)
    yield Picture(
        "bomb-400-megapixels", header(20_000, 20_000, 1, GREY) + chunk(b"IDAT", line) + end
    )
    # as many pixels as are allowed, in the most expensive kind: slow, but a picture
    white = zlib.compress((b"\0" + b"\xff" * 4 * 7_000) * 7_000, 9)
    yield Picture("most-pixels-png", header(7_000, 7_000, 8, RGBA) + chunk(b"IDAT", white) + end)
    grey = Image.new("L", (7_000, 7_000), 128)
    yield Picture("most-pixels-jpeg", jpeg(grey))
    yield Picture("most-pixels-progressive", jpeg(grey, progressive=True))
