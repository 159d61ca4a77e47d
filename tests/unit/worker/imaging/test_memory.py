"""What large photos take is given back, so that a few of them do not fill a worker's memory."""

import subprocess
import sys

import pytest

from worker.imaging.memory import kept_bytes

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

memory.give_back_large_blocks(THREADS)
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
    assert int(run.stdout) < THREADS * kept_bytes(THREADS), "more than each thread's heap may keep"


# Memory that was returned to the system comes back page by page, each a fault.
FAULTS = """
import io, resource, sys, threading
from PIL import Image
from worker.imaging import memory
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V1

memory.give_back_large_blocks(12)
file = io.BytesIO()
Image.new("RGB", (int(sys.argv[1]), int(sys.argv[2])), "teal").save(file, "JPEG")
def faults():
    for _ in range(3):
        preprocess(file.getvalue(), IMAGENET1K_V1, 50_000_000)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(10):
        preprocess(file.getvalue(), IMAGENET1K_V1, 50_000_000)
    print((resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before) / 10)
decoder = threading.Thread(target=faults)  # with a heap of its own, as in a worker
decoder.start()
decoder.join()
"""


@pytest.mark.parametrize("size", [(1600, 1200), (1800, 1020), (1200, 1600), (4000, 3000)])
def test_an_ordinary_large_jpeg_is_decoded_into_memory_that_is_kept(size: tuple[int, int]) -> None:
    arguments = [sys.executable, "-c", FAULTS, *map(str, size)]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 100


@pytest.mark.parametrize(("threads", "kept"), [(1, 16), (12, 16), (16, 12), (24, 8), (256, 8)])
def test_more_threads_keep_less_each(threads: int, kept: int) -> None:
    assert kept_bytes(threads) // 2**20 == kept


@pytest.mark.parametrize(("limit_mib", "kept"), [(2048, 16), (768, 16), (512, 10), (384, 8)])
def test_in_a_small_container_each_thread_keeps_less(limit_mib: int, kept: int) -> None:
    assert kept_bytes(12, limit_mib * 2**20) // 2**20 == kept
