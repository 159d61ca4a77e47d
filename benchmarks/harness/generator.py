"""The closed loop, run as a process of its own so that what it costs can be told."""

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
    """One closed loop: what the clients saw.

    Attributes:
        requests: Answered with 200.
        seconds: Until the last answer.
        p50_ms: Median of one request.
        p95_ms: 95 of 100 requests took no longer.
        p99_ms: 99 of 100.
        errors: Answered otherwise, or not at all.
        generator_cores: Processors that the generator kept busy from the first request to the last.
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
        """Answers a second."""
        return self.requests / self.seconds


def run(
    url: str,
    listed: Path,
    connections: int,
    seconds: float,
    half_way: Callable[[], None] = lambda: None,
) -> Loop:
    """Run ``benchmarks.harness.load`` to its end.

    Args:
        url: Takes the POST.
        listed: File that names the photos, one a line.
        connections: Clients that each wait for their answer.
        seconds: For which new requests are made.
        half_way: Called in the middle.

    Raises:
        subprocess.CalledProcessError: It failed; it has said why.
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
