"""``python -m benchmarks.run``: compares the service with other servers; prints Markdown.

Each round measures every server with each kind of photos at each number of connections, while the
other servers are frozen, and the limit of engine and preprocessing. The results are medians over
the rounds.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness import batch, contenders
from benchmarks.harness.batch import BatchTooSmall
from benchmarks.harness.generator import ROOT, Loop
from benchmarks.harness.photos import NoPhotos, photos, workloads
from benchmarks.harness.server import Contender, Server, ServerFailed
from benchmarks.rounds import rounds, say
from benchmarks.tables import report
from scripts.install.environment import InstallError
from tests.support.photos import free_port
from worker.inference import load_runtime
from worker.models.selection import ModelSpec, ModelUnavailable, resolve
from worker.settings import WorkerSettings

PLACE = ROOT / ".bench"
BESIDE_LOOPS = 4  # length of the loop beside a batch, in ordinary loops


def write_list(names: list[Path], kind: str = "photos") -> Path:
    """Write the photos' paths into a file, one per line."""
    PLACE.mkdir(exist_ok=True)
    listed = PLACE / f"{kind}.txt"
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
    kinds = workloads(options.photos, PLACE / "photos")
    lists = {write_list(kind.photos, kind.name): kind for kind in kinds}
    (listed, first), *_ = lists.items()
    os.environ["MODEL"] = "resnet50"
    spec = resolve(WorkerSettings())
    if options.quick:
        wanted, peers = ["auto"], [contenders.plain_fastapi(spec)]
    else:
        wanted, peers = precisions(spec), contenders.peers(spec, PLACE)
    chosen = [*map(contenders.ours, wanted), *peers]
    with running(chosen, first.photos[0].read_bytes()) as servers:
        results = rounds(servers, lists, wanted, count=options.rounds, seconds=options.seconds)
        print(report.main(results), flush=True)
        if not options.quick:
            measured = batches(servers[0], first.photos, listed, options)
            print("\n" + report.batches(results, *measured))


def main() -> int:
    """Measure and print the results, or print one line with the error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ours, plain FastAPI, the limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.5, help="of a closed loop")
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
