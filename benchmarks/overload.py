"""``python -m benchmarks.overload``: four times as many requests as the service can answer.

Measures the peak with a closed loop, then offers a multiple of it in an open loop, once for each
PREDICT_QUEUE_S, and prints a table. Exits with 1 if a promise of docs/reliability.md is broken.
MODEL and MODEL_WEIGHTS choose the model; ``--model-ms`` replaces it by a model that only sleeps, so
that the service around the model is measured.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness.load import Client, Seen, as_body
from benchmarks.tables.table import markdown
from tests.chaos.cluster import Cluster
from tests.support.photos import jpeg

CLIENTS = 32
PEAK_S, WARM_UP_S = 20.0, 10.0
GOODPUT, REFUSED_P50_MS = 0.9, 50
# besides the queue: the photo itself, and requests accepted since the queue was last read
OWN_TIME_S = 1.0
QUEUE_S = [1.0, 10.0]


@dataclass(frozen=True)
class Overload:
    """One run with one ``PREDICT_QUEUE_S``; memory in MB, before and after."""

    queue_s: float
    peak_per_s: float
    offered_per_s: float
    goodput_per_s: float
    seen: Seen
    memory: dict[str, tuple[float, float]]
    cpu: dict[str, float]

    def missed(self) -> list[str]:
        """The promises of docs/reliability.md that this run breaks."""
        longest_ms = 1000 * (self.queue_s + OWN_TIME_S)
        kept = {
            f"goodput at least {GOODPUT:.0%} of the peak": self.goodput_per_s
            >= GOODPUT * self.peak_per_s,
            f"accepted p99 within {longest_ms:.0f} ms": self.seen.took_ms(200, 0.99) <= longest_ms,
            f"refusals within {REFUSED_P50_MS} ms at the median": 503 not in self.seen.ends
            or self.seen.took_ms(503, 0.5) <= REFUSED_P50_MS,
            "no other answer": set(self.seen.ends) <= {200, 503},
        }
        return [promise for promise, is_kept in kept.items() if not is_kept]

    def rows(self) -> dict[str, str]:
        """The column of this run: the text of each row."""
        seen = self.seen
        other = {
            status: len(ends) for status, ends in seen.ends.items() if status not in {200, 503}
        }
        rows = {
            "peak, closed loop of 32": f"{self.peak_per_s:.0f} images/s",
            "offered": f"{self.offered_per_s:.0f} images/s",
            "goodput": f"{self.goodput_per_s:.0f} images/s, "
            f"{self.goodput_per_s / self.peak_per_s:.0%} of the peak",
            "accepted, p50 / p99": _latency(seen, 200, 0.5, 0.99),
            "refused (503)": f"{len(seen.ends.get(503, []))}",
            "refusal, p50 / p99": _latency(seen, 503, 0.5, 0.99),
            "any other answer": str(other or "none"),
        } | {
            f"memory of {name}, before / after": f"{before:.0f} / {after:.0f} MB"
            for name, (before, after) in self.memory.items()
        }
        rows["cores used by " + ", ".join(self.cpu)] = ", ".join(
            f"{cores:.2f}" for cores in self.cpu.values()
        )
        return rows


def table(runs: list[Overload]) -> str:
    """Markdown: a column for each run."""
    columns = [run.rows() for run in runs]
    return markdown(
        ["`PREDICT_QUEUE_S`", *(f"{run.queue_s:g} s" for run in runs)],
        [[name, *(column[name] for column in columns)] for name in columns[0]],
    )


def _latency(seen: Seen, status: int, *shares: float) -> str:
    return " / ".join(f"{seen.took_ms(status, share):.0f}" for share in shares) + " ms"


async def peak_of(url: str) -> float:
    """Photos per second in a closed loop, after a warm-up."""
    client = Client(url, [as_body(f"{url}/predict", jpeg())])
    try:
        await client.closed_loop(CLIENTS, WARM_UP_S)
        began = time.monotonic()
        return (await client.closed_loop(CLIENTS, PEAK_S)).per_s(200, began, began + PEAK_S)
    finally:
        client.close()


async def overload(cluster: Cluster, queue_s: float, factor: float, seconds: float) -> Overload:
    """Measure the peak, then offer a multiple of it."""
    peak = await peak_of(cluster.url)
    client = Client(cluster.url, [as_body(f"{cluster.url}/predict", jpeg())])
    try:
        before, busy = _memory(cluster), _cpu_s(cluster)
        began = time.monotonic()
        seen = await client.open_loop(factor * peak, seconds)
        took = time.monotonic() - began
        after = _memory(cluster)
        cpu = {name: (now - busy[name]) / took for name, now in _cpu_s(cluster).items()}
    finally:
        client.close()
    memory = {name: (before[name], after[name]) for name in before}
    goodput = seen.per_s(200, began, began + seconds)
    return Overload(queue_s, peak, factor * peak, goodput, seen, memory, cpu)


def _memory(cluster: Cluster) -> dict[str, float]:
    def rss(pid: int) -> float:
        return float(psutil.Process(pid).memory_info().rss) / 1e6

    return {
        "the api": rss(cluster.api.process.pid),
        "the worker": rss(cluster.workers[0].process.pid),
        "Redis": cluster.client.info("memory")["used_memory"] / 1e6,
    }


def _cpu_s(cluster: Cluster) -> dict[str, float]:
    def used(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    return {
        "the api": used(psutil.Process(cluster.api.process.pid)),
        "the worker": used(psutil.Process(cluster.workers[0].process.pid)),
        "the load generator": used(psutil.Process()),
    }


def run(queue_s: float, options: argparse.Namespace) -> Overload:
    """Start Redis, the api and one worker on free ports of this machine, and measure."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(
            Path(folder),
            env={"PREDICT_QUEUE_S": str(queue_s)},
            redis_options=("--appendfsync", "everysec"),
        ) as cluster,
    ):
        cluster.start_redis()
        cluster.start_api()
        if options.model_ms:
            cluster.start_worker(SCRIPTED_SERVICE_TIME_S=str(options.model_ms / 1000))
        else:
            cluster.start_worker(app="worker.main", MAX_BATCH_SIZE="", ITEM_TIMEOUT_S="")
        cluster.wait_ready()
        return asyncio.run(overload(cluster, queue_s, options.factor, options.seconds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of overload")
    parser.add_argument("--factor", type=float, default=4, help="offered load over the peak")
    parser.add_argument("--model-ms", type=float, help="use a model that sleeps for this time")
    parser.add_argument("--queue-s", type=float, nargs="+", default=QUEUE_S)
    options = parser.parse_args()
    runs = [run(queue_s, options) for queue_s in options.queue_s]
    print(table(runs))
    if missed := [f"{promise} ({run.queue_s:g} s)" for run in runs for promise in run.missed()]:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
