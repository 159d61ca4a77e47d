#!/usr/bin/env bash
# pyspng beside Pillow: the faster PNG decoder stops every other thread of the process.
#
# One would guess: a decoder in C++ that gets bytes and returns an array lets other threads run, as
# Pillow and imagecodecs do, so that it can stand in for Pillow in a server of threads.
# Seen on 2026-11-29 (pyspng 0.1.4, Pillow 13.0.0, Python 3.11): it decodes a PNG of 3 megapixels in
# 0.55 to 0.76 of Pillow's CPU time, but holds the interpreter lock from the first byte to the last. In
# an event loop or beside other threads nothing else runs meanwhile: 0.27 to 0.85 s for 12 megapixels.
# Its documentation (https://pypi.org/project/pyspng/) says nothing of threads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check pyspng==0.1.4 pillow==13.0.0 numpy
venv/bin/python - <<'PYTHON'
import io
import threading
import time
from importlib.metadata import version

import numpy as np
import pyspng
from PIL import Image

print({name: version(name) for name in ("pyspng", "pillow", "numpy")})
noise = np.random.default_rng(0).integers(0, 40, (3000, 4000, 3)).astype(np.uint8)
file = io.BytesIO()
Image.fromarray(noise).save(file, "PNG", compress_level=1)
data = file.getvalue()
assert (pyspng.load(data) == noise).all()


def turns(decode):
    """How often another thread wakes up while a picture is decoded."""
    woken, finished = [], threading.Event()

    def wake():
        while not finished.is_set():
            time.sleep(0.001)
            woken.append(time.perf_counter())

    thread = threading.Thread(target=wake)
    thread.start()
    time.sleep(0.1)
    began = time.perf_counter()
    decode()
    ended = time.perf_counter()
    finished.set()
    thread.join()
    return sum(began < moment < ended for moment in woken), round(ended - began, 2)


held = [turns(lambda: pyspng.load(data)) for _ in range(3)]
shared = [turns(lambda: Image.open(io.BytesIO(data)).load()) for _ in range(3)]
print("turns of another thread, and seconds: pyspng", held, "Pillow", shared)
assert max(count for count, _ in held) <= 5, "pyspng lets other threads run now"
assert min(count for count, _ in shared) >= 20, "Pillow does not let other threads run"
PYTHON
