"""``python -m benchmarks.overload``: four times as many requests as the service can answer.

Measures the peak with a closed loop, then offers a multiple of it in an open loop, and prints a
table. The model is scripted: what is measured is the service around it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load import Client, Seen, as_body
from tests.chaos.cluster import Cluster
from tests.chaos.traffic import photo

CLIENTS = 32
PEAK_S, WARM_UP_S = 20.0, 10.0


@dataclass(frozen=True)
class Overload:
    """One run; memory in MB, before and after."""

    peak_per_s: float
    offered_per_s: float
    goodput_per_s: float
    seen: Seen
    memory: dict[str, tuple[float, float]]

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
        lines = [f"| {name} | {value} |" for name, value in rows.items()]
        return "\n".join(["| | |", "|---|---|", *lines])


def _latency(seen: Seen, status: int, *shares: float) -> str:
    return " / ".join(f"{seen.took_ms(status, share):.0f}" for share in shares) + " ms"


async def run(cluster: Cluster, factor: float, seconds: float) -> Overload:
    """Warm up, measure the peak, then overload."""
    client = Client(cluster.url, [as_body(f"{cluster.url}/predict", photo(0, 7))])
    try:
        await client.closed_loop(CLIENTS, WARM_UP_S)
        began = time.monotonic()
        peak = (await client.closed_loop(CLIENTS, PEAK_S)).per_s(200, began, began + PEAK_S)
        before = _memory(cluster)
        began = time.monotonic()
        seen = await client.open_loop(factor * peak, seconds)
        after = _memory(cluster)
    finally:
        client.close()
    memory = {name: (before[name], after[name]) for name in before}
    goodput = seen.per_s(200, began, began + seconds)
    return Overload(peak, factor * peak, goodput, seen, memory)


def _memory(cluster: Cluster) -> dict[str, float]:
    def rss(pid: int) -> float:
        return float(psutil.Process(pid).memory_info().rss) / 1e6

    return {
        "the api": rss(cluster.api.process.pid),
        "the worker": rss(cluster.workers[0].process.pid),
        "Redis": cluster.client.info("memory")["used_memory"] / 1e6,
    }


def main() -> None:
    """Start Redis, the api and one worker on free ports of this machine, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of overload")
    parser.add_argument("--factor", type=float, default=4, help="offered load over the peak")
    parser.add_argument("--model-ms", type=float, default=10, help="the model takes for one photo")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder), redis_options=("--appendfsync", "everysec")) as cluster,
    ):
        cluster.start_redis()
        cluster.start_api()
        cluster.start_worker(SCRIPTED_SERVICE_TIME_S=str(options.model_ms / 1000))
        cluster.wait_ready()
        result = asyncio.run(run(cluster, options.factor, options.seconds))
    sys.stdout.write(result.table() + "\n")


if __name__ == "__main__":
    main()
