#!/usr/bin/env bash
# Pillow and libvips show the same JPEG in different directions if only its XMP has an orientation.
#
# One would guess: ImageOps.exif_transpose reads Exif, as its name says and as its documentation does
# ("if an image has an EXIF Orientation tag"), and getexif() lists what the file's Exif has.
# Seen on 2026-11-29 (Pillow 13.0.0, libvips 8.18): of a file without an Exif segment, whose XMP has
# tiff:Orientation="6", getexif() has tag 274 and exif_transpose turns the picture by 90 degrees.
# libvips' autorot does not turn it. So a thumbnail by one and a model's input by the other differ.
# https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.exif_transpose names
# only Exif.
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
from PIL import Image, ImageOps

print("Pillow", PIL.__version__, "libvips", pyvips.version(0), pyvips.version(1))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
out = io.BytesIO()
Image.new("RGB", (60, 40), "navy").save(out, "JPEG", xmp=XMP)
data = out.getvalue()
photo = Image.open(io.BytesIO(data))
turned = pyvips.Image.new_from_buffer(data, "").autorot()
now = {
    "Exif segment": b"Exif\0\0" in data,
    "getexif": dict(photo.getexif()),
    "Pillow": ImageOps.exif_transpose(photo).size,
    "libvips": (turned.width, turned.height),
}
print(now)
expected = {"Exif segment": False, "getexif": {274: 6}, "Pillow": (40, 60), "libvips": (60, 40)}
assert now == expected, "Pillow or libvips behaves differently now"
PYTHON
