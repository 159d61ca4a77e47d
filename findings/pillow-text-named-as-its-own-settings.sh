#!/usr/bin/env bash
# Pillow 13: a comment in a PNG decides whether its pixels can be read.
#
# One would guess: tEXt chunks are for people, any keyword is allowed, and no text can change what a
# decoder does with the pixels.
# Seen on 2026-11-29 (Pillow 13.0.0): the reader keeps texts in Image.info beside its own keys and
# later takes them for its own. A text with the keyword "bbox" (the word for a detector's box) makes
# load() raise ValueError "invalid extents"; "interlace" makes it raise OSError "image file is
# truncated"; "exif" and "xmp" make getexif() raise SyntaxError and TypeError; "transparency" makes
# convert("RGBA") raise TypeError. With another keyword (here "box") the same pixels load. libvips reads all
# of them. Not said where Pillow describes PNG:
# https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html#png
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7
venv/bin/python - <<'PYTHON'
import io

import PIL
import pyvips
from PIL import Image
from PIL.PngImagePlugin import PngInfo

print("Pillow", PIL.__version__, "libvips", pyvips.version(0), pyvips.version(1))
EXPECTED = {
    "box": "no error",
    "bbox": "load: ValueError",
    "interlace": "load: OSError",
    "exif": "getexif: SyntaxError",
    "xmp": "getexif: TypeError",
    "transparency": "convert: TypeError",
}


def with_text(keyword):
    out, info = io.BytesIO(), PngInfo()
    info.add_text(keyword, "10,20,30,40")
    Image.new("RGB", (300, 200), (10, 20, 30)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def outcome(data):
    steps = {
        "load": lambda image: image.load(),
        "getexif": lambda image: image.getexif(),
        "convert": lambda image: image.convert("RGBA"),
    }
    for name, step in steps.items():
        try:
            step(Image.open(io.BytesIO(data)))
        except Exception as error:
            return f"{name}: {type(error).__name__}"
    return "no error"


now = {keyword: outcome(with_text(keyword)) for keyword in EXPECTED}
print(now)
elsewhere = {pyvips.Image.new_from_buffer(with_text(keyword), "")(0, 0)[2] for keyword in EXPECTED}
assert now == EXPECTED, "Pillow behaves differently now"
assert elsewhere == {30}, "libvips behaves differently now"
PYTHON
