#!/usr/bin/env bash
# simplejpeg 1.9: decode_jpeg(strict=False) may return memory into which nothing was decoded.
#
# One would guess: strict=False ignores warnings ("recoverable errors"), and an error raises ValueError
# in any case, as it does here for a broken Huffman table between two scans.
# Seen on 2026-11-29 (simplejpeg 1.9.0): a progressive JPEG cut within the header of a later scan gives
# a warning (the file ends early) and then an error (the header is broken), which ends the decoding
# ahead of the first row. With strict=True the call raises the text of the error. With strict=False it
# returns the buffer as it was: here all 77, without a buffer whatever was in that memory before. It
# looks as if TurboJPEG calls an error a warning once there was a warning ahead of it (not checked in
# its source).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check simplejpeg==1.9.0 pillow==13.0.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import io

import numpy as np
import simplejpeg
from PIL import Image

noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
file = io.BytesIO()
Image.fromarray(noise).save(file, "JPEG", progressive=True)
data = file.getvalue()
scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
cut = data[: scans[3] + 4]
broken_table = b"\xff\xc4\x00\x13\x10" + b"\xff" * 16
only_an_error = data[: scans[1]] + broken_table + data[scans[1] :]


def outcome(jpeg, strict):
    buffer = np.full(noise.size, 77, np.uint8)
    try:
        pixels = simplejpeg.decode_jpeg(jpeg, strict=strict, buffer=buffer)
    except ValueError as error:
        return str(error)
    return "untouched" if (pixels == 77).all() else "decoded"


seen = [outcome(jpeg, strict) for jpeg in (only_an_error, cut) for strict in (True, False)]
print("only an error, strict and not:", *seen[:2], sep="\n  ")
print("an error behind a warning, strict and not:", *seen[2:], sep="\n  ")
table = "Bogus Huffman table definition"
assert seen == [table, table, "Bogus marker length", "untouched"], "simplejpeg behaves differently now"
PYTHON
