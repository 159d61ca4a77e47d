"""Runs the load generator in a separate process, so that its CPU time can be measured."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Loop:
    """The results of one closed loop.

    Attributes:
        requests: Number of responses with status 200.
        seconds: Time until the last response.
        p50_ms: Median latency.
        p95_ms: 95th percentile of the latency.
        p99_ms: 99th percentile of the latency.
        errors: Number of requests with another status or without a response.
        generator_cores: Cores that the load generator used from the first request to the last.
    """

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    generator_cores: float

    @property
    def per_s(self) -> float:
        """Successful requests per second."""
        return self.requests / self.seconds


def run(
    url: str,
    listed: Path,
    connections: int,
    seconds: float,
    half_way: Callable[[], None] = lambda: None,
) -> Loop:
    """Run ``benchmarks.harness.load``.

    Args:
        url: Endpoint that receives the POST requests.
        listed: File with the paths of the photos, one per line.
        connections: Number of clients, each of which waits for its response.
        seconds: Time during which requests are sent.
        half_way: Called in the middle of that time.

    Raises:
        subprocess.CalledProcessError: The load generator failed; stderr has the reason.
    """
    options = ["--connections", str(connections), "--seconds", str(seconds)]
    order = [sys.executable, "-m", "benchmarks.harness.load", url, str(listed), *options]
    with subprocess.Popen(order, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(seconds / 2)
        half_way()
        said = process.communicate()[0]
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, order, said)
    return Loop(**json.loads(said))
