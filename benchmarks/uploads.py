"""``python -m benchmarks.uploads [URL …]``: the cost of storing, reading and deleting one photo.

Without a URL, compares a folder on this machine with a bucket of an S3-compatible server on it
(SeaweedFS). With URLs, compares those stores, such as your own bucket or a folder on a network
disk.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.tables import table
from shared.uploads import UploadStore, open_uploads
from tests.support.bucket_server import BucketServer

BYTES = 100_000
ROUNDS = 5
THREADS = (1, 8)
STEPS = ("put", "get", "delete")


def measure(stores: dict[str, UploadStore], photos: int) -> list[list[object]]:
    """Median ms per photo for each step, and photos per second through all three steps."""
    took: dict[tuple[str, int, str], list[float]] = {}
    for _ in range(ROUNDS):  # in turns, so that other load on the machine affects all stores
        for name, store in stores.items():
            for threads in THREADS:
                for step, ms in _round(store, photos, threads).items():
                    took.setdefault((name, threads, step), []).append(ms)
    rows: list[list[object]] = []
    for name in stores:
        for threads in THREADS:
            each_ms = [median(took[name, threads, step]) for step in STEPS]
            shown = [f"{ms:.2f}" for ms in each_ms]
            rows.append([name, threads, *shown, f"{1000 / sum(each_ms):.0f}"])
    return rows


def _round(store: UploadStore, photos: int, threads: int) -> dict[str, float]:
    """Wall-clock ms per photo, by step."""
    keys = [f"benchmark-{threads}.{number}" for number in range(photos)]
    data = os.urandom(BYTES)

    def put(key: str) -> None:
        store.put(key, data)

    calls: dict[str, Callable[[str], object]] = {
        "put": put,
        "get": store.get,
        "delete": store.delete,
    }
    took = {}
    with ThreadPoolExecutor(threads) as pool:
        for step in STEPS:
            began = time.perf_counter()
            list(pool.map(calls[step], keys))
            took[step] = (time.perf_counter() - began) * 1000 / photos
    return took


@contextmanager
def _here() -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        server = BucketServer(Path(folder))
        server.start()
        try:
            os.environ.update(server.env)
            yield [Path(folder, "uploads").as_uri(), server.url]
        finally:
            server.kill()


@contextmanager
def _named(urls: list[str]) -> Iterator[list[str]]:
    yield urls


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="*", metavar="URL", help="as UPLOADS_URL takes them")
    parser.add_argument("--photos", type=int, default=100, help="in each of five rounds")
    options = parser.parse_args()
    with _named(options.urls) if options.urls else _here() as urls:
        rows = measure({url: open_uploads(url) for url in urls}, options.photos)
    head = ["store", "threads", *(f"{step} ms" for step in STEPS), "photos/s"]
    print(table.markdown(head, rows))
    print(f"\n{BYTES // 1000} KB a photo; medians of {ROUNDS} rounds of {options.photos}.")


if __name__ == "__main__":
    main()
