"""``python -m benchmarks.run``: compares the service with other servers; prints Markdown.

Each round measures every server at each number of connections, while the other servers are frozen,
and the limit of engine and preprocessing. The results are medians over the rounds.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.harness import batch, contenders
from benchmarks.harness.batch import BatchTooSmall
from benchmarks.harness.generator import ROOT, Loop, run
from benchmarks.harness.limit import Limit, Setting
from benchmarks.harness.photos import NoPhotos, photos
from benchmarks.harness.server import Contender, Server, ServerFailed
from benchmarks.tables import report
from benchmarks.tables.results import Results, Sample
from scripts.install.environment import InstallError
from tests.support.photos import free_port
from worker.inference import load_runtime
from worker.models.selection import ModelSpec, ModelUnavailable, resolve
from worker.settings import WorkerSettings

PLACE = ROOT / ".bench"
# connections → relative length of a loop: more connections need longer to settle
CONNECTIONS = {1: 1.0, 8: 1.0, 32: 1.5}
WARM_UP_S = 0.5
BESIDE_LOOPS = 3  # length of the loop beside a batch, in ordinary loops


def say(text: str) -> None:
    """Print a line of progress to stderr; results go to stdout."""
    print(text, file=sys.stderr, flush=True)


def write_list(names: list[Path]) -> Path:
    """Write the photos' paths into a file, one per line."""
    PLACE.mkdir(exist_ok=True)
    listed = PLACE / "photos.txt"
    listed.write_text("".join(f"{name.absolute()}\n" for name in names))
    return listed


def precisions(spec: ModelSpec) -> list[str]:
    """``auto``, and the other available precisions that differ from it."""
    found: dict[str, str] = {}
    for name in ("auto", "fp32", "int8"):
        try:
            actual = load_runtime(spec, WorkerSettings(precision=name)).precision
        except ModelUnavailable as error:
            say(f"no row for {name}: {error}")
            continue
        if actual in found.values():
            say(f"no row for {name}: auto is the same on this machine")
        else:
            found[name] = actual
    return list(found)


@contextmanager
def running(chosen: list[Contender], photo: bytes) -> Iterator[list[Server]]:
    """The servers, started one after another, then frozen; all stopped at the end."""
    # Without a handler, SIGTERM would end only this process and leave frozen servers behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    PLACE.mkdir(exist_ok=True)
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


@contextmanager
def ours_alone(folder: Path | None) -> Iterator[tuple[Server, Path]]:
    """The service by itself, not frozen, and the file that lists the photos."""
    names = photos(folder, PLACE / "photos")
    os.environ["MODEL"] = "resnet50"
    with running([contenders.ours("auto")], names[0].read_bytes()) as [server]:
        server.thaw()
        server.wait_ready(names[0].read_bytes())
        yield server, write_list(names)


def busy_s() -> float:
    """Processor time of all programs on this machine so far, in seconds."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    return float(sum(times) - idle)


def measure(server: Server, listed: Path, connections: int, seconds: float) -> Sample:
    """Run one closed loop on a server that is not frozen, after a short warm-up."""

    def loop_for(duration: float, half_way: Callable[[], None] = lambda: None) -> Loop:
        return run(f"{server.url}/predict", listed, connections, duration, half_way)

    loop_for(WARM_UP_S)
    memory: list[dict[str, float]] = []
    before, busy_before = server.cpu_s(), busy_s()
    began = time.monotonic()
    loop = loop_for(seconds, lambda: memory.append(server.memory_mb()))
    took = time.monotonic() - began
    used = {kind: now - before.get(kind, 0) for kind, now in server.cpu_s().items()}
    generator = loop.generator_cores * loop.seconds
    foreign = (busy_s() - busy_before - sum(used.values()) - generator) / took
    requests = max(1, loop.requests)
    each = {kind: 1000 * spent / requests for kind, spent in used.items()}
    return Sample(loop, each, memory[0], foreign)


def limit(listed: Path, precision: str, seconds: float, known: Setting | None) -> Limit:
    """Measure the limit in a separate process."""
    chosen = ["--streams", str(known.streams), "--batch", str(known.batch)] if known else []
    order = [
        sys.executable,
        "-m",
        "benchmarks.harness.limit",
        str(listed),
        "--seconds",
        str(seconds),
    ]
    environment = {**os.environ, "PRECISION": precision}
    said = subprocess.run(
        [*order, *chosen], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    result = json.loads(said.splitlines()[-1])
    return Limit(**{**result, "setting": Setting(**result["setting"])})


def rounds(
    servers: list[Server], listed: Path, options: argparse.Namespace, precisions: list[str]
) -> Results:
    """Run all rounds."""
    results = Results()
    settings: dict[str, Setting | None] = dict.fromkeys(precisions)
    photo = Path(listed.read_text().split("\n", 1)[0]).read_bytes()
    for number in range(options.rounds):
        for precision in precisions:
            found = limit(listed, precision, options.seconds, settings[precision])
            settings[precision] = found.setting
            results.limits[precision].append(found)
        for server in servers:
            server.thaw()
            server.wait_ready(photo)
            for connections, length in CONNECTIONS.items():
                sample = measure(server, listed, connections, length * options.seconds)
                results.samples[server.contender.name, connections].append(sample)
                loop = sample.loop
                say(
                    f"round {number + 1}, {server.contender.name}, {connections} connections: "
                    f"{loop.per_s:.1f}/s, p50 {loop.p50_ms:.0f} ms, {loop.errors} errors, others "
                    f"took {sample.foreign_cores:.2f} cores"
                )
            server.freeze()
    return results


def batches(
    server: Server, names: list[Path], listed: Path, options: argparse.Namespace
) -> tuple[batch.Batch, Loop]:
    """A batch job by itself, then `/predict` during another."""
    server.thaw()
    server.wait_ready(names[0].read_bytes())
    one = batch.alone(server, names, options.batch)
    say(f"a batch of {options.batch}: {one.per_s:.1f}/s")
    loop = batch.beside(server, names, listed, options.batch, BESIDE_LOOPS * options.seconds)
    server.freeze()
    return one, loop


def everything(options: argparse.Namespace) -> None:
    """Measure, and print each part of the report as soon as it is available.

    Raises:
        NoPhotos: The folder has no photos.
        ModelUnavailable: The weights are missing.
        InstallError: A peer cannot be installed.
        ServerFailed: A server does not respond.
        BatchTooSmall: The batch job was finished too soon.
    """
    names = photos(options.photos, PLACE / "photos")
    listed = write_list(names)
    os.environ["MODEL"] = "resnet50"
    spec = resolve(WorkerSettings())
    if options.quick:
        wanted, peers = ["auto"], [contenders.plain_fastapi(spec)]
    else:
        wanted, peers = precisions(spec), contenders.peers(spec, PLACE)
    chosen = [*map(contenders.ours, wanted), *peers]
    with running(chosen, names[0].read_bytes()) as servers:
        results = rounds(servers, listed, options, wanted)
        print(report.main(results), flush=True)
        if not options.quick:
            print("\n" + report.batches(results, *batches(servers[0], names, listed, options)))


def main() -> int:
    """Measure and print the results, or print one line with the error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ours, plain FastAPI, the limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of a closed loop")
    parser.add_argument("--batch", type=int, default=batch.SIZE, help="photos of the batch job")
    parser.add_argument("--photos", type=Path, help="a folder; default: scikit-image's")
    options = parser.parse_args()
    try:
        everything(options)
    except (NoPhotos, ModelUnavailable, InstallError, ServerFailed, BatchTooSmall) as error:
        say(f"bench: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
