"""``python -m benchmarks.hops``: the duration of each step of a single request.

One client sends one request at a time. Prints the median of each step, and for comparison the
medians of engine and preprocessing without a service, measured in turns. The worker's settings
apply.
"""

import argparse
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness.limit import Limit, Setting
from benchmarks.harness.load import as_form
from benchmarks.harness.photos import NoPhotos, photos
from benchmarks.marked.marks import FOLDER
from benchmarks.rounds import limits
from benchmarks.run import PLACE, write_list
from benchmarks.tables import table
from tests.chaos.cluster import Cluster

ROUNDS = 3
WARM_UP = 20
SENT, ANSWERED = "sent", "answered"
# Each step: its name, and the marks at its begin and end.
STEPS = [
    ("HTTP: head, route, form", SENT, "store begins"),
    ("store: the photo is written", "store begins", "store ends"),
    ("record, message and its way to the worker", "store ends", "message begins"),
    ("Celery: the message goes to a task thread", "message begins", "task begins"),
    ("the record says that it is running", "task begins", "start ends"),
    ("the photo is read, its header looked at", "start ends", "preprocessing begins"),
    ("preprocessing", "preprocessing begins", "preprocessing ends"),
    ("to the engine's thread", "preprocessing ends", "engine begins"),
    ("engine", "engine begins", "engine ends"),
    ("result: recorded, and its way to the api", "engine ends", "told begins"),
    ("HTTP: the answer", "told begins", ANSWERED),
]
Times = dict[str, float]


def ask(connection: socket.socket, request: bytes) -> Times:
    """Send one request; returns the times at which it was sent and answered.

    Raises:
        ValueError: The response's status is not 200.
    """
    sent = time.monotonic()
    connection.sendall(request)
    with connection.makefile("rb") as file:
        status = file.readline()
        if b" 200 " not in status:
            raise ValueError(f"the service answered {status.decode().strip()!r}")
        head = {name.lower(): value for name, value in _headers(file)}
        file.read(int(head[b"content-length"]))
    return {SENT: sent, ANSWERED: time.monotonic()}


def _headers(file: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in file:
        name, colon, value = line.partition(b":")
        if not colon:
            return
        yield name, value.strip()


def with_marks(requests: list[Times], lines: Iterable[str]) -> list[Times]:
    """Add to each request the marks that the processes noted between its begin and end."""
    noted = sorted((float(at), step) for at, _, step in (line.partition(" ") for line in lines))
    return [
        {step: at for at, step in noted if times[SENT] <= at <= times[ANSWERED]} | times
        for times in requests
    ]


def medians_ms(requests: list[Times]) -> list[tuple[str, float]]:
    """The median of each step, over the requests that have every mark.

    Raises:
        ValueError: Most requests lack a mark.
    """
    marks = {mark for _, *pair in STEPS for mark in pair}
    whole = [times for times in requests if marks <= times.keys()]
    if 2 * len(whole) < len(requests):
        raise ValueError("marks are missing: was a function renamed that benchmarks.marked names?")

    def median(begin: str, end: str) -> float:
        return statistics.median(1000 * (times[end] - times[begin]) for times in whole)

    return [(name, median(begin, end)) for name, begin, end in STEPS]


def send_requests(cluster: Cluster, forms: Sequence[bytes], count: int) -> list[Times]:
    """Send ``count`` requests on one connection, after a warm-up."""
    where = urlsplit(cluster.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        each = [ask(connection, form) for form in islice(cycle(forms), WARM_UP + count)]
    return each[WARM_UP:]


def measure(names: list[Path], count: int) -> tuple[list[tuple[str, float]], list[Limit]]:
    """The median of each step over ``count`` requests, and the limits without a service."""
    listed = write_list(names)
    requests, raw = [], []
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder, "marks")
        marks.mkdir()
        environment = {**os.environ, FOLDER: str(marks), "MODEL": "resnet50"}
        safe = ("--appendfsync", "everysec")
        with Cluster(Path(folder), environment, redis_options=safe) as cluster:
            cluster.start_redis()
            cluster.start_api(app="benchmarks.marked.api:app")
            cluster.start_worker(app="benchmarks.marked.worker", ITEM_TIMEOUT_S="60")
            cluster.wait_ready()
            forms = [as_form(f"{cluster.url}/predict", name.read_bytes()) for name in names]
            for _ in range(ROUNDS):
                raw += limits([listed], "auto", 0.5, Setting(1, 1))
                requests += send_requests(cluster, forms, count // ROUNDS)
        lines = [line for file in marks.iterdir() for line in file.read_text().splitlines()]
        return medians_ms(with_marks(requests, lines)), raw


def rows(steps: list[tuple[str, float]], raw: list[Limit]) -> list[tuple[str, str, str]]:
    """The table's rows: a step, its median, and its median without a service."""
    lone_ms = {
        "preprocessing": statistics.median(found.lone_preprocessing_ms for found in raw),
        "engine": statistics.median(found.lone_engine_ms for found in raw),
    }
    around = sum(ms for name, ms in steps if name not in lone_ms)
    all_steps = [*steps, ("all steps but these two", around)]
    return [
        (name, f"{ms:.2f}", f"{lone_ms[name]:.2f}" if name in lone_ms else "")
        for name, ms in all_steps
    ]


def main() -> int:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hops", description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs; default: derived ones")
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    try:
        found = measure(photos(options.photos, PLACE / "photos"), options.requests)
    except (NoPhotos, ValueError, OSError) as error:
        print(f"hops: {error}", file=sys.stderr)
        return 1
    print(table.markdown(("step", "ms (median)", "without a service"), rows(*found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
