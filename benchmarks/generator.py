"""The closed loop: wrk where it is on PATH, else ``benchmarks.load``; one process, one core."""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_S = 60  # of one request


@dataclass(frozen=True)
class Loop:
    """One closed loop: what the clients saw.

    Attributes:
        requests: Answered with 200.
        seconds: That the loop took.
        p50_ms, p95_ms, p99_ms: Of one request.
        errors: Answered otherwise, or not at all.
        generator_cores: Processors that the generator kept busy.
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


def generator() -> str:
    """The name of what makes the requests."""
    return "wrk" if shutil.which("wrk") else "benchmarks.load"


def command(url: str, field: str, photos: Path, connections: int, seconds: float) -> list[str]:
    """The generator's command line.

    Args:
        url: Takes the POST.
        field: Of the form.
        photos: File that names the photos, one a line.
        connections: Clients that each wait for their answer.
        seconds: For which new requests are made.
    """
    if generator() != "wrk":
        options = ["--connections", str(connections), "--seconds", str(seconds)]
        return [sys.executable, "-m", "benchmarks.load", url, field, str(photos), *options]
    options = [f"-c{connections}", f"-d{round(seconds)}", f"--timeout={TIMEOUT_S}s"]
    return ["wrk", "-t1", *options, "-s", str(SCRIPT), url, "--", field, str(photos)]


def run(order: list[str], seconds: float, half_way: Callable[[], None] = lambda: None) -> Loop:
    """Run the generator to its end.

    Args:
        order: What `command` returned.
        seconds: For which it runs.
        half_way: Called in the middle.

    Raises:
        subprocess.CalledProcessError: It failed; it has said why.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with subprocess.Popen(order, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(seconds / 2)
        half_way()
        said = process.communicate()[0]
    took = time.monotonic() - began
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, order, said)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Loop(**json.loads(said.strip().splitlines()[-1]), generator_cores=used / took)
