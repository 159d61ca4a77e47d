"""``python -m benchmarks.overload``: four times as many requests as the service can answer.

Measures the peak with a closed loop, then offers a multiple of it in an open loop, and prints a
table; exits with 1 where a promise of docs/reliability.md is not kept. The model is the one that
MODEL and MODEL_WEIGHTS choose; ``--model-ms`` puts a scripted one in its place, which sleeps, so
that what is measured is the service around it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness.load import PATIENT, Client, Seen, as_body
from tests.chaos.cluster import Cluster
from tests.support.photos import jpeg

CLIENTS = 32
PEAK_S, WARM_UP_S = 20.0, 10.0
GOODPUT, ACCEPTED_P99_MS, REFUSED_P50_MS = 0.9, 2_000, 50


@dataclass(frozen=True)
class Overload:
    """One run; memory in MB, before and after."""

    peak_per_s: float
    offered_per_s: float
    goodput_per_s: float
    seen: Seen
    memory: dict[str, tuple[float, float]]
    cpu: dict[str, float]

    def missed(self) -> list[str]:
        """Which promises of docs/reliability.md this run does not keep."""
        kept = {
            f"goodput at least {GOODPUT:.0%} of the peak": self.goodput_per_s
            >= GOODPUT * self.peak_per_s,
            f"accepted p99 within {ACCEPTED_P99_MS} ms": self.seen.took_ms(200, 0.99)
            <= ACCEPTED_P99_MS,
            f"refusals within {REFUSED_P50_MS} ms at the median": 503 not in self.seen.ends
            or self.seen.took_ms(503, 0.5) <= REFUSED_P50_MS,
            "no other answer": set(self.seen.ends) <= {200, 503},
        }
        return [promise for promise, is_kept in kept.items() if not is_kept]

    def table(self) -> str:
        """Markdown."""
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
        lines = [f"| {name} | {value} |" for name, value in rows.items()]
        return "\n".join(["| | |", "|---|---|", *lines])


def _latency(seen: Seen, status: int, *shares: float) -> str:
    return " / ".join(f"{seen.took_ms(status, share):.0f}" for share in shares) + " ms"


async def run(cluster: Cluster, factor: float, seconds: float) -> Overload:
    """Warm up, measure the peak, then overload."""
    url, photo = f"{cluster.url}/predict", jpeg()
    patient = Client(cluster.url, [as_body(url, photo, PATIENT)])
    client = Client(cluster.url, [as_body(url, photo)])
    try:
        await patient.closed_loop(CLIENTS, WARM_UP_S)
        began = time.monotonic()
        peak = (await patient.closed_loop(CLIENTS, PEAK_S)).per_s(200, began, began + PEAK_S)
        before, busy = _memory(cluster), _cpu_s(cluster)
        began = time.monotonic()
        seen = await client.open_loop(factor * peak, seconds)
        took = time.monotonic() - began
        after = _memory(cluster)
        cpu = {name: (now - busy[name]) / took for name, now in _cpu_s(cluster).items()}
    finally:
        patient.close()
        client.close()
    memory = {name: (before[name], after[name]) for name in before}
    goodput = seen.per_s(200, began, began + seconds)
    return Overload(peak, factor * peak, goodput, seen, memory, cpu)


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


def main() -> None:
    """Start Redis, the api and one worker on free ports of this machine, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of overload")
    parser.add_argument("--factor", type=float, default=4, help="offered load over the peak")
    parser.add_argument("--model-ms", type=float, help="a scripted model that sleeps so long")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder), redis_options=("--appendfsync", "everysec")) as cluster,
    ):
        cluster.start_redis()
        cluster.start_api()
        if options.model_ms:
            cluster.start_worker(SCRIPTED_SERVICE_TIME_S=str(options.model_ms / 1000))
        else:
            cluster.start_worker(app="worker.main", MAX_BATCH_SIZE="", ITEM_TIMEOUT_S="")
        cluster.wait_ready()
        result = asyncio.run(run(cluster, options.factor, options.seconds))
    sys.stdout.write(result.table() + "\n")
    if missed := result.missed():
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
