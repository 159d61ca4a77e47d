"""Runs the rounds: the limit, then every server with all photos and connections."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.harness.generator import ROOT, run
from benchmarks.harness.limit import Limit, Setting
from benchmarks.harness.photos import Workload
from benchmarks.harness.server import Server
from benchmarks.tables.results import Results, Sample

WARM_UP_S = 0.5
WARM_UP_CONNECTIONS = 8


def say(text: str) -> None:
    """Print a line of progress to stderr; results go to stdout."""
    print(text, file=sys.stderr, flush=True)


def busy_s() -> float:
    """Processor time of all programs on this machine so far, in seconds."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    return float(sum(times) - idle)


def children_s() -> float:
    """Processor time of the load generators that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(server: Server, listed: Path, connections: int, seconds: float) -> Sample:
    """Run one closed loop on a server that is not frozen."""
    memory: list[dict[str, float]] = []
    before, busy_before, generator_before = server.cpu_s(), busy_s(), children_s()
    began = time.monotonic()
    url = f"{server.url}/predict"
    loop = run(url, listed, connections, seconds, lambda: memory.append(server.memory_mb()))
    took = time.monotonic() - began
    used = {kind: now - before.get(kind, 0) for kind, now in server.cpu_s().items()}
    generator = children_s() - generator_before
    foreign = (busy_s() - busy_before - sum(used.values()) - generator) / took
    requests = max(1, loop.requests)
    each = {kind: 1000 * spent / requests for kind, spent in used.items()}
    return Sample(loop, each, memory[0], foreign)


def limits(
    listed: list[Path], precision: str, seconds: float, known: Setting | None = None
) -> list[Limit]:
    """Measure the limit with each list of photos, in a separate process."""
    chosen = ["--streams", str(known.streams), "--batch", str(known.batch)] if known else []
    order = [
        *(sys.executable, "-m", "benchmarks.harness.limit", *map(str, listed)),
        *("--seconds", str(seconds), *chosen),
    ]
    environment = {**os.environ, "PRECISION": precision}
    said = subprocess.run(
        order, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    results = json.loads(said.splitlines()[-1])
    return [Limit(**{**one, "setting": Setting(**one["setting"])}) for one in results]


def rounds(
    servers: list[Server],
    workloads: dict[Path, Workload],
    precisions: list[str],
    *,
    count: int,
    seconds: float,
) -> Results:
    """Run all rounds.

    Args:
        servers: All of them frozen.
        workloads: By the file that lists the photos.
        precisions: Each has a limit.
        count: Number of rounds.
        seconds: Length of a closed loop.
    """
    results = Results()
    settings: dict[str, Setting | None] = dict.fromkeys(precisions)
    photo = next(iter(workloads.values())).photos[0].read_bytes()
    for number in range(count):
        for precision in precisions:
            found = limits(list(workloads), precision, seconds, settings[precision])
            settings[precision] = found[0].setting
            for workload, one in zip(workloads.values(), found, strict=True):
                results.limits[precision, workload.name].append(one)
        for server in servers:
            server.thaw()
            server.wait_ready(photo)
            for listed, workload in workloads.items():
                # before the first of its loops: photos of another size need other memory
                run(f"{server.url}/predict", listed, WARM_UP_CONNECTIONS, WARM_UP_S)
                for connections in workload.connections:
                    sample = measure(server, listed, connections, seconds)
                    case = (workload.name, connections)
                    results.samples[server.contender.name, case].append(sample)
                    say(f"round {number + 1}, {server.contender.name}, {case}: {line(sample)}")
            server.freeze()
    return results


def line(sample: Sample) -> str:
    """One loop as a line of progress."""
    return (
        f"{sample.loop.per_s:.1f}/s, p50 {sample.loop.p50_ms:.0f} ms, {sample.loop.errors} errors, "
        f"others took {sample.foreign_cores:.2f} cores"
    )
