"""Benchmarks of a batch job: by itself, and with `/predict` requests at the same time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from benchmarks.harness.generator import Loop, run
from benchmarks.harness.server import Server

SIZE = 1000  # photos
POLL_S = 0.25


class BatchTooSmall(Exception):
    """The batch was finished before the measurement was."""


@dataclass(frozen=True)
class Batch:
    """The result of one job, from the first byte of the request to the job's end.

    Attributes:
        photos: Number of photos that succeeded.
        seconds: Duration of the job.
        client_cores: Cores that the client used.
    """

    photos: int
    seconds: float
    client_cores: float

    @property
    def per_s(self) -> float:
        """Photos per second."""
        return self.photos / self.seconds


@contextmanager
def _client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as client:
        yield client


def _post(client: httpx.Client, names: list[Path], size: int) -> str:
    files = [
        ("files", (name.name, name.read_bytes(), "image/jpeg"))
        for name in islice(cycle(names), size)
    ]
    return str(client.post("/jobs", files=files).raise_for_status().json()["job_id"])


def _job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(f"/jobs/{job_id}?limit=1").raise_for_status().json()
    return job


def alone(server: Server, names: list[Path], size: int) -> Batch:
    """Submit a batch of ``size`` photos, and wait until it is finished."""
    with _client(server) as client:
        began, used = time.monotonic(), time.process_time()
        job_id = _post(client, names, size)
        while (job := _job(client, job_id))["finished_at"] is None:
            time.sleep(POLL_S)
        took = time.monotonic() - began
    return Batch(job["counts"]["succeeded"], took, (time.process_time() - used) / took)


def beside(server: Server, names: list[Path], listed: Path, size: int, seconds: float) -> Loop:
    """Send `/predict` requests, one at a time, during a batch; then cancel the batch.

    Raises:
        BatchTooSmall: The batch was finished before the requests were.
    """
    with _client(server) as client:
        job_id = _post(client, names, size)
        loop = run(f"{server.url}/predict", listed, 1, seconds)
        if _job(client, job_id)["finished_at"] is not None:
            raise BatchTooSmall(
                f"{size} photos were finished within {seconds:g} s: use a larger batch"
            )
        client.delete(f"/jobs/{job_id}").raise_for_status()
    return loop
