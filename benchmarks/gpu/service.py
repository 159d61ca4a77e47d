"""Benchmarks of the whole service on a device: closed loops, a large batch, CPU time, GPU use."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.gpu.report import Row
from benchmarks.harness import batch as batches
from benchmarks.harness.generator import ROOT, run
from benchmarks.harness.server import Contender, Server
from tests.support.photos import free_port
from worker.models.selection import ModelSpec

_QUERY = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=200")


@contextmanager
def started(spec: ModelSpec, device: str, folder: Path, photo: bytes) -> Iterator[Server]:
    """Start the service with ``serve.py`` and wait until it is ready."""
    settings = {
        "PORT": "{port}",
        "MODEL_WEIGHTS": str(spec.weights_path),
        "MODEL_RECIPE": spec.recipe.name,
        "DEVICE": device,
        "RUNTIME": "torch",
        "MAX_BATCH_SIZE": "32",
        "WORKER_THREADS": "64",
        "PREDICT_QUEUE_S": "60",
    }
    contender = Contender("the service", [sys.executable, str(ROOT / "serve.py")], settings)
    server = Server(contender, free_port(), folder / "service.log")
    try:
        server.wait_ready(photo)
        yield server
    finally:
        server.stop()


def loops(server: Server, listed: Path, connections: Sequence[int], seconds: float) -> list[Row]:
    """Measure `/predict` in closed loops with each number of connections."""
    rows = []
    for count in connections:
        server.wait_idle()
        before = sum(server.cpu_s().values())
        with idle_share() as idle:
            loop = run(f"{server.url}/predict", listed, count, seconds)
        used_ms = 1000 * (sum(server.cpu_s().values()) - before) / max(loop.requests, 1)
        result = (
            f"{loop.per_s:.0f} photos/s; p50 {loop.p50_ms:.0f} ms, p99 {loop.p99_ms:.0f} ms; "
            f"{used_ms:.1f} core-ms per photo; {_text(idle)}; {loop.errors} errors"
        )
        rows.append(Row(f"service, {count} connections", result, loop.errors == 0))
    return rows


def large_batch(server: Server, photos: list[Path], size: int) -> Row:
    """Measure one job of ``size`` photos, from the first byte of the request to the job's end."""
    server.wait_idle()
    before = sum(server.cpu_s().values())
    with idle_share() as idle:
        batch = batches.alone(server, photos, size)
    used_ms = 1000 * (sum(server.cpu_s().values()) - before) / size
    result = f"{batch.per_s:.0f} photos/s; {used_ms:.1f} core-ms per photo; {_text(idle)}"
    return Row(f"service, batch of {size}", result, batch.photos == size)


@contextmanager
def idle_share() -> Iterator[list[float]]:
    """Measure with nvidia-smi the share of time in which no kernel ran.

    Yields:
        A list that has the share (0 to 1) after the block; it stays empty without nvidia-smi.
    """
    shares: list[float] = []
    program = shutil.which("nvidia-smi")
    if program is None:
        yield shares
        return
    with TemporaryFile("w+") as output:
        with subprocess.Popen([program, *_QUERY], stdout=output) as process:
            yield shares
            process.terminate()
        output.seek(0)
        busy = [float(line) / 100 for line in output.read().split() if line.strip().isdigit()]
    if busy:
        shares.append(1 - sum(busy) / len(busy))


def _text(idle: list[float]) -> str:
    return f"GPU idle {idle[0]:.0%}" if idle else "GPU idle unknown"
