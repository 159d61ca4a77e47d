"""``python -m benchmarks.run``: the service beside its peers, in one run; prints Markdown.

The rounds are interleaved: in each, every server is measured at each number of connections while
the others are frozen, and so is the limit. What is printed are medians over the rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks import contenders, table
from benchmarks.generator import ROOT, Loop, command, generator, run
from benchmarks.limit import Limit, Setting
from benchmarks.photos import photos
from benchmarks.results import Results, Sample
from benchmarks.server import Contender, Server
from tests.support.photos import free_port
from worker.registry import resolve
from worker.settings import WorkerSettings

PLACE = ROOT / ".bench"
CONNECTIONS = (1, 8, 32)
WARM_UP_S = 1.0


def say(text: str) -> None:
    """A line of progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def running(chosen: list[Contender], photo: bytes) -> Iterator[list[Server]]:
    """The servers, each started alone, then frozen; all ended in the end."""
    with ExitStack() as stack:
        servers = []
        for number, contender in enumerate(chosen):
            server = Server(contender, free_port(), PLACE / f"server-{number}.log")
            stack.callback(server.stop)
            began = time.monotonic()
            server.wait_ready(photo)
            server.wait_idle()
            say(f"{contender.name}: ready after {time.monotonic() - began:.0f} s")
            server.freeze()
            servers.append(server)
        yield servers


def measure(server: Server, listed: Path, connections: int, seconds: float) -> Sample:
    """One closed loop on a server that is awake, after a short one that warms it up."""

    def loop_for(duration: float, half_way: Callable[[], None] = lambda: None) -> Loop:
        field = server.contender.form_field
        order = command(server.url, field, listed, connections, duration)
        return run(order, duration, half_way)

    loop_for(WARM_UP_S)
    server.wait_idle()
    memory: list[dict[str, float]] = []
    before, busy_before = server.cpu_s(), busy_s()
    began = time.monotonic()
    loop = loop_for(seconds, lambda: memory.append(server.memory_mb()))
    took = time.monotonic() - began
    used = {kind: now - before.get(kind, 0) for kind, now in server.cpu_s().items()}
    foreign = (busy_s() - busy_before - sum(used.values())) / took - loop.generator_cores
    requests = max(1, loop.requests)
    each = {kind: 1000 * spent / requests for kind, spent in used.items()}
    server.wait_idle()
    return Sample(loop, each, memory[0], foreign)


def busy_s() -> float:
    """Seconds of processor time that all programs of this machine have used so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def limit(listed: Path, precision: str, seconds: float, known: Setting | None) -> Limit:
    """The limit, in a process of its own."""
    chosen = ["--streams", str(known.streams), "--batch", str(known.batch)] if known else []
    order = [sys.executable, "-m", "benchmarks.limit", str(listed), "--seconds", str(seconds)]
    environment = {**os.environ, "PRECISION": precision}
    said = subprocess.run(
        [*order, *chosen], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    result = json.loads(said.splitlines()[-1])
    return Limit(**{**result, "setting": Setting(**result["setting"])})


def rounds(
    servers: list[Server], listed: Path, options: argparse.Namespace, precisions: list[str]
) -> Results:
    """All that is measured again in each round."""
    results = Results()
    settings: dict[str, Setting | None] = dict.fromkeys(precisions)
    for number in range(options.rounds):
        for precision in precisions:
            found = limit(listed, precision, options.seconds, settings[precision])
            settings[precision] = found.setting
            results.limits[precision].append(found)
        for server in servers:
            server.thaw()
            server.wait_ready(Path(listed.read_text().split("\n", 1)[0]).read_bytes())
            for connections in CONNECTIONS:
                sample = measure(server, listed, connections, options.seconds)
                results.samples[server.contender.name, connections].append(sample)
                loop = sample.loop
                say(
                    f"round {number + 1}, {server.contender.name}, {connections} connections: "
                    f"{loop.per_s:.1f}/s, p50 {loop.p50_ms:.0f} ms, {loop.errors} errors, others "
                    f"took {sample.foreign_cores:.2f} cores"
                )
            server.freeze()
    return results


def report(results: Results) -> str:
    """Everything, as Markdown."""
    most = CONNECTIONS[-1]
    ours = contenders.OURS

    def most_of(value: Callable[[Sample], float]) -> float:
        return max(value(sample) for samples in results.samples.values() for sample in samples)

    spent = results.median(ours, most, lambda sample: sample.loop.generator_cores)
    reached = results.per_s(ours, most) / results.limit_per_s("auto", spent)
    deducted = f"the generator's {spent:.3f} cores deducted"
    generators = most_of(lambda sample: sample.loop.generator_cores)
    foreign = most_of(lambda sample: sample.foreign_cores)
    notes = [
        f"At {most} connections ours reaches {reached:.0%} of the limit, {deducted}.",
        f"Requests by {generator()}: {generators:.3f} cores at most.",
        f"Other programs of this machine: {foreign:.2f} cores at most.",
    ]
    parts = [table.servers(results, ours), table.limits(results)]
    return "\n\n".join([*parts, table.processor_time(results, ours, most), *notes])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ours, plain FastAPI, the limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each closed loop")
    parser.add_argument("--photos", type=Path, help="a folder; default: scikit-image's")
    options = parser.parse_args()
    PLACE.mkdir(exist_ok=True)
    names = photos(options.photos, PLACE / "photos")
    listed = PLACE / "photos.txt"
    listed.write_text("".join(f"{name.absolute()}\n" for name in names))
    os.environ["MODEL"] = "resnet50"
    spec = resolve(WorkerSettings())
    chosen = [contenders.ours("auto"), contenders.plain_fastapi(spec)]
    with running(chosen, names[0].read_bytes()) as servers:
        results = rounds(servers, listed, options, ["auto"])
    print(report(results))


if __name__ == "__main__":
    main()
