"""What large photos take is given back, so that a few of them do not fill a worker's memory."""

import subprocess
import sys

from worker.imaging.memory import KEPT_BYTES

# A process of its own, because what is tested is how it allocates. One large photo after the other,
# because each thread has a heap.
THREADS = 4
ROUNDS = f"""
THREADS = {THREADS}
from concurrent.futures import ThreadPoolExecutor
import io, psutil
from PIL import Image
from worker.imaging import memory
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V1

memory.give_back_large_blocks()
file = io.BytesIO()
Image.new("RGB", (5_000, 4_000), "teal").save(file, "PNG", compress_level=1)
with ThreadPoolExecutor(THREADS) as pool:
    def decode(data):
        preprocess(data, IMAGENET1K_V1, 50_000_000)
    for kind in ("JPEG", "PNG"):  # so that nothing is imported, and no heap begun, by a large one
        small = io.BytesIO()
        Image.new("RGB", (500, 400), "teal").save(small, kind)
        list(pool.map(decode, [small.getvalue()] * 40))
    before = psutil.Process().memory_info().rss
    for _ in range(12):
        list(pool.map(decode, [file.getvalue()]))
    print(psutil.Process().memory_info().rss - before)
"""


def test_what_large_photos_took_is_given_back() -> None:
    run = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=True)
    assert int(run.stdout) < THREADS * KEPT_BYTES, "more than each thread's heap may keep"
