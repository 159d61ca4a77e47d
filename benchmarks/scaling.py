"""``python -m benchmarks.scaling``: throughput by number of workers, and the cost of a photo.

The model only sleeps, for a time per call and a time per photo, so that several "devices" fit on a
few cores. This measures everything around the model: the queue, the record, the upload store, and
whether workers slow each other down.

Prints three tables. Two show photos per second by number of workers: with a model that gains little
from batches, and with a model that gains as much as on a GPU. The third shows the CPU time of
one photo in each part, and the limits of one Redis and one API process, computed from it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks.harness.load import Client, as_body
from benchmarks.harness.meter import Meter, Spent
from benchmarks.tables import table
from tests.chaos.cluster import Cluster, ask
from tests.chaos.traffic import photo
from tests.support.photos import jpeg

BATCH = 8
JOB_OF, CLIENTS = 500, 16
SETTLE_S = 1.0
GATE = "go"


@dataclass(frozen=True)
class Model:
    """A model that sleeps: seconds per call, seconds per photo in it, and a worker's threads."""

    call_s: float
    image_s: float
    threads: int = BATCH

    @property
    def most_per_s(self) -> float:
        """Photos per second of the model by itself, with full batches."""
        return BATCH / (self.call_s + BATCH * self.image_s)


# 20 ms for a single photo, 18 ms each for eight together: batches gain little, and eight workers
# with everything around the model fit on two cores.
PROCESSOR = Model(0.0024, 0.0176)
# 66 ms for a single photo, 10 ms each for eight together; meanwhile a second batch is read. Four
# workers fit on two cores.
GPU, MOST_GPUS = Model(0.064, 0.002, 2 * BATCH), 4
NO_TIME = Model(0, 0)


@contextmanager
def cluster_of(workers: int, model: Model) -> Iterator[Cluster]:
    """Redis, one api and ``workers`` workers, whose models load until `let_go`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder), redis_options=("--appendfsync", "everysec")) as cluster,
    ):
        cluster.start_redis()
        cluster.start_api()
        for _ in range(workers):
            cluster.start_worker(
                MAX_BATCH_SIZE=str(BATCH),
                WORKER_THREADS=str(model.threads),
                SCRIPTED_SERVICE_TIME_S=str(model.call_s),
                SCRIPTED_IMAGE_TIME_S=str(model.image_s),
                SCRIPTED_LOAD_UNTIL=str(cluster.folder / GATE),
            )
        cluster.until(lambda: len(cluster.reports("starting")) == workers, 120)
        cluster.until(lambda: ask(f"{cluster.url}/health/live").status_code == 200, 60)
        yield cluster


def let_go(cluster: Cluster) -> None:
    """Let all workers start to work."""
    (cluster.folder / GATE).touch()
    cluster.wait_ready()


def post(cluster: Cluster, photos: int, picture: bytes) -> list[str]:
    """Submit jobs with ``photos`` photos in total; returns the ids of the jobs."""
    files = [("files", (f"{n}", picture)) for n in range(JOB_OF)]
    with httpx.Client(base_url=cluster.url, timeout=60, trust_env=False) as client:
        answers = [client.post("/jobs", files=files) for _ in range(-(-photos // JOB_OF))]
    return [answer.raise_for_status().json()["job_id"] for answer in answers]


def drain(cluster: Cluster, seconds: float, per_s: float) -> Spent:
    """Submit more photos than the workers can finish in this time, and measure meanwhile."""
    post(cluster, int(len(cluster.workers) * per_s * (seconds + 2 * SETTLE_S)), photo(0, 0))
    let_go(cluster)
    time.sleep(SETTLE_S)
    meter = Meter(cluster)
    time.sleep(seconds)
    spent = meter.spent()
    if not cluster.client.llen("batch"):
        raise RuntimeError("the workers had nothing left to do: fewer --seconds")
    return spent


def scale(model: Model, counts: list[int], seconds: float) -> str:
    """A table with a row per number of workers; efficiency is relative to the first row."""
    rows: list[table.Row] = []
    base = 0.0
    for count in counts:
        with cluster_of(count, model) as cluster:
            spent = drain(cluster, seconds, model.most_per_s)
        base = base or spent.per_s / count
        cores = [f"{spent.cores(part):.2f}" for part in ("workers", "Redis", "api")]
        commands = f"{spent.commands / spent.photos:.1f}"
        efficiency = f"{spent.per_s / (base * count):.1%}"
        rows.append([count, f"{spent.per_s:.0f}", efficiency, *cores, commands])
        print(*rows[-1], file=sys.stderr)
    cores = [f"cores: {part}" for part in ("workers", "Redis", "api")]
    return table.markdown(
        ["workers", "photos/s = messages/s", "efficiency", *cores, "commands a photo"], rows
    )


def ceilings(seconds: float) -> str:
    """A table of the CPU time of one photo in each part; the model takes no time."""
    with cluster_of(2, NO_TIME) as cluster:
        let_go(cluster)
        meter = Meter(cluster)
        for job in post(cluster, round(100 * seconds), jpeg()):
            cluster.until(partial(cluster.client.hexists, f"ic:job:{job}", "finished_ms"), 120)
        batch = meter.spent()
        alone = asyncio.run(_predict(cluster.url, seconds, meter))
        stats = cluster.client.info("commandstats")
    rows: list[table.Row] = []
    for part, one in {"api": "process", "Redis": "server", "workers": "process"}.items():
        for way, spent in {"/predict": alone, "/jobs": batch}.items():
            ms = spent.ms(part)
            rows.append([f"{part}, {way}", f"{ms:.2f}", f"{1000 / ms:.0f} photos/s a {one}"])
    kept = "; ".join(
        f"{way}: {spent.memory / spent.photos:.0f} bytes of memory, "
        f"{spent.log / spent.photos:.0f} of append-only file"
        for way, spent in {"/predict": alone, "/jobs": batch}.items()
    )
    costliest = sorted(stats.items(), key=lambda item: -item[1]["usec"])[:5]
    said = ", ".join(f"{name.removeprefix('cmdstat_')} {used['usec_per_call']} µs x {used['calls']}"
                     for name, used in costliest)  # fmt: skip
    made = table.markdown(["part", "core-ms a photo", "limit of one core, computed"], rows)
    return f"{made}\n\nRedis, a photo: {kept}\nRedis, costliest commands: {said}"


async def _predict(url: str, seconds: float, meter: Meter) -> Spent:
    client = Client(url, [as_body(f"{url}/predict", jpeg())])
    try:
        await client.closed_loop(CLIENTS, 1)
        meter.reset()
        await client.closed_loop(CLIENTS, seconds)
        return meter.spent()
    finally:
        client.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each number of workers")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args()
    print(scale(PROCESSOR, options.workers, options.seconds))
    print()
    print(scale(GPU, [n for n in options.workers if n <= MOST_GPUS], options.seconds))
    print()
    print(ceilings(options.seconds))


if __name__ == "__main__":
    main()
