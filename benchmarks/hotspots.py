"""``python -m benchmarks.hotspots``: the CPU time of a request, by part, sampled by py-spy.

The parts of each process are HTTP, the upload store, the queue, the record with its result,
preprocessing, and the engine. Needs permission to trace processes (root, or ptrace_scope 0).
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness.generator import run
from benchmarks.harness.server import Server, kind
from benchmarks.run import PLACE, ours_alone
from benchmarks.tables import table

CONNECTIONS = 8
RATE_HZ = 100
# The innermost frame that matches decides the part of a sample: the queue and the record both use
# Redis's client.
PARTS = {
    "preprocessing": ("worker/imaging/", "PIL/"),
    "engine": ("worker/inference/",),
    "store": ("shared/uploads",),
    "record and result": (
        *("shared/records/", "shared/messages", "api/jobs/completion"),
        *("api/jobs/service", "worker/recovery/", "worker/monitoring/heartbeat"),
    ),
    "queue": ("shared/queue", "celery/", "kombu/", "vine/", "worker/queue/"),
    "HTTP": ("api/", "uvicorn/", "starlette/", "fastapi/", "prometheus_client/"),
}
OTHER = "other"
# Time in the threads of the engine or of the event loop that Python does not see.
NATIVE = "native code"
# py-spy does not recognize waiting threads on every system. The event loop calls Python's frames
# from its own frame: if that is the innermost one, the loop waits or runs native code.
WAITS = re.compile(
    r"(wait\w* \(threading\.py|_worker \(concurrent/futures/thread\.py"
    r"|poll \(kombu/utils/eventio\.py|read_from_socket \(redis/|Runner\.run \(asyncio/runners\.py)"
    r"[^;]*$"
)


def part(stack: str) -> str:
    """The part to which a stack belongs; py-spy writes the outermost frame first."""
    for frame in reversed(stack.split(";")):
        for name, marks in PARTS.items():
            if any(mark in frame for mark in marks):
                return name
    return OTHER


def counted(lines: Iterable[str]) -> Counter[str]:
    """py-spy's raw output → samples by part, without those of waiting threads."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if not WAITS.search(stack):
            found[part(stack)] += int(count)
    return found


def shares(samples: Counter[str], cpu_s: float) -> dict[str, float]:
    """Seconds of CPU time by part, of one process.

    Args:
        samples: Samples of its Python threads, at `RATE_HZ`.
        cpu_s: Processor time of the process; the time outside Python's frames is native code.
    """
    used = {name: count / RATE_HZ for name, count in samples.items()}
    seen = sum(used.values())
    if seen > cpu_s:  # a thread that waits for its turn on a core is sampled as if it ran
        return {name: spent * cpu_s / seen for name, spent in used.items()}
    return used | {NATIVE: cpu_s - seen}


def record(server: Server, listed: Path, length: float) -> str:
    """Sample the api and the worker under load; returns Markdown."""
    spies = {}
    for process in server.processes():
        name = kind(process.cmdline())
        if name in {"api", "worker"}:
            order = ["py-spy", "record", "--pid", str(process.pid), "--format", "raw"]
            where = ["--output", str(PLACE / f"{name}.raw"), "--rate", str(RATE_HZ)]
            spies[name] = [*order, *where, "--duration", str(round(length))]
    before = server.cpu_s()
    started = [subprocess.Popen(order, stdout=subprocess.DEVNULL) for order in spies.values()]
    loop = run(f"{server.url}/predict", listed, CONNECTIONS, length)
    used = {name: now - before[name] for name, now in server.cpu_s().items()}
    for process in started:
        process.wait()
    rows: list[table.Row] = []
    for name in spies:
        samples = counted((PLACE / f"{name}.raw").read_text().splitlines())
        for what, spent in sorted(shares(samples, used[name]).items(), key=lambda x: -x[1]):
            rows.append([name, what, f"{1000 * spent / loop.requests:.2f}"])
    rows.append(["Redis", "all", f"{1000 * used['Redis'] / loop.requests:.2f}"])
    return table.markdown(["process", "part", "core-ms a request"], rows)


def main() -> None:
    """Start the service, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--photos", type=Path, help="a folder; default: scikit-image's")
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with ours_alone(options.photos) as (server, listed):
        run(f"{server.url}/predict", listed, CONNECTIONS, 2)
        print(record(server, listed, options.seconds))


if __name__ == "__main__":
    main()
