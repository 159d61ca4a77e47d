#!/usr/bin/env bash
# Pillow 13: a lossless JPEG opens and loads exactly, but Image.thumbnail and Image.draft fail on it.
#
# One would guess: draft() is a hint, which a file that cannot be scaled while it is decoded ignores,
# as PNG does; and thumbnail() works on all that load() can read.
# Seen on 2026-11-29 (Pillow 13.0.0 with libjpeg-turbo, imagecodecs 2026.3.6): load() gives the pixels
# that were encoded. draft() says that it halves the size of a file of type SOF3, which has no DCT to
# be scaled; the load after it, and thumbnail(), which calls draft() by itself, raise OSError "broken
# data stream when reading image file". libvips makes the thumbnail of the same bytes. Pillow's page
# on draft() names JPEG without this exception:
# https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.draft
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check pillow==13.0.0 imagecodecs==2026.3.6 numpy==2.4.6 pyvips==3.2.0 pyvips-binary==8.18.7
venv/bin/python - <<'PYTHON'
import io

import imagecodecs
import numpy as np
import PIL
import pyvips
from PIL import Image, features

print("Pillow", PIL.__version__, "libjpeg-turbo", features.version("libjpeg_turbo"))
print("imagecodecs", imagecodecs.__version__, "libvips", pyvips.version(0), pyvips.version(1))
rows, columns = np.mgrid[:600, :800]
pixels = np.stack([rows % 256, columns % 256, (rows + columns) % 256], 2).astype(np.uint8)
data = imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1)


def opened():
    return Image.open(io.BytesIO(data))


def fails(step):
    try:
        step()
    except OSError as error:
        return str(error)
    return "no error"


drafted = opened()
drafted.draft("RGB", (400, 300))
said = drafted.size
loaded = np.array_equal(np.asarray(opened()), pixels)
after_draft, thumbnail = fails(drafted.load), fails(lambda: opened().thumbnail((100, 75)))
elsewhere = pyvips.Image.thumbnail_buffer(data, 100)
print(f"load exact: {loaded}; draft says {said}, then: {after_draft}; thumbnail: {thumbnail}")
print("libvips:", elsewhere.width, "x", elsewhere.height)
broken = "broken data stream when reading image file"
now = (loaded, said, after_draft, thumbnail, elsewhere.width)
assert now == (True, (400, 300), broken, broken, 100), "Pillow behaves differently now"
PYTHON
