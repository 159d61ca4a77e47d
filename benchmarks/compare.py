"""``python -m benchmarks.compare COMMIT``: the cost of this tree ÷ that of an older commit.

Checks out the commit into a temporary folder and measures both trees in turns: old, new, old, new.
The model takes no time, so everything but the engine is measured: core-ms per `/predict`, per photo
of a batch and per megabyte of body, and Redis commands per photo. The time of decoding is measured
separately and subtracted. Each tree runs its own ``benchmarks.scaling`` with the packages of this
environment.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

Figures = dict[str, float]

HERE = Path(__file__).resolve().parents[1]
PREDICT, BATCH = "/predict: core-ms", "photo of a batch: core-ms"
BODY, COMMANDS = "megabyte of body: core-ms of the API", "photo of a batch: Redis commands"
CLIENTS, DECODES, PARTS = 16, 50, ("api", "Redis", "workers")
# An application segment of a JPEG, which has at most 64 KiB.
SEGMENT = b"\xff\xef\xff\xff" + bytes(65_533)
SEGMENTS = 32


def measure(seconds: float) -> Figures:
    """Measure the tree in the current folder with its own modules."""
    # imported here: in the older tree these are the older modules
    from benchmarks.harness.load import Client, as_body  # noqa: PLC0415
    from benchmarks.harness.meter import Meter  # noqa: PLC0415
    from benchmarks.scaling import NO_TIME, cluster_of, let_go, post  # noqa: PLC0415
    from tests.support.photos import jpeg  # noqa: PLC0415
    from worker.imaging.preprocess import preprocess  # noqa: PLC0415
    from worker.models.transforms import RECIPES  # noqa: PLC0415

    small = jpeg()
    large = small[:2] + SEGMENT * SEGMENTS + small[2:]
    megabytes = (len(large) - len(small)) / 1e6

    def decode_ms(photo: bytes) -> float:
        began = time.thread_time()
        for _ in range(DECODES):
            preprocess(photo, RECIPES["IMAGENET1K_V1"], 50_000_000)
        return 1000 * (time.thread_time() - began) / DECODES

    with cluster_of(1, NO_TIME) as cluster:
        let_go(cluster)
        meter = Meter(cluster)

        def spend(photo: bytes) -> Figures:
            async def closed_loop() -> None:
                client = Client(cluster.url, [as_body(f"{cluster.url}/predict", photo)])
                await client.closed_loop(CLIENTS, 1)
                meter.reset()
                await client.closed_loop(CLIENTS, seconds)
                client.close()

            asyncio.run(closed_loop())
            spent = meter.spent()
            return {part: spent.ms(part) for part in PARTS}

        alone, heavy = spend(small), spend(large)
        for _ in range(2):  # the first jobs load the scripts, and tell the worker's rate
            meter.reset()
            for job in post(cluster, round(100 * seconds), small):
                cluster.until(partial(cluster.client.hexists, f"ic:job:{job}", "finished_ms"), 120)
        batch = meter.spent()
    decoding = decode_ms(small)
    return {
        PREDICT: sum(alone.values()) - decoding,
        BATCH: sum(map(batch.ms, PARTS)) - decoding,
        BODY: (heavy["api"] - alone["api"]) / megabytes,
        COMMANDS: batch.commands / batch.photos,
        **{f"/predict: {part}": ms for part, ms in alone.items()},
        **{f"photo of a batch: {part}": batch.ms(part) for part in PARTS},
        "decoding (subtracted)": decoding,
    }


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A temporary folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def measured(tree: Path, seconds: float) -> Figures:
    """The figures of ``tree``, measured in a new process that imports its modules."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    order = [sys.executable, __file__, "--measure", "--seconds", str(seconds)]
    ran = subprocess.run(order, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE)
    found: Figures = json.loads(ran.stdout)
    return found


def rows(old: list[Figures], new: list[Figures]) -> list[tuple[str, str, str, str]]:
    """The table's rows: each figure's median in both trees, and new ÷ old."""
    table = []
    for name in old[0]:
        before, now = (statistics.median(found[name] for found in all_) for all_ in (old, new))
        ratio = f"{now / before:.2f}" if before > 0 else "-"
        table.append((name, f"{before:.2f}", f"{now:.2f}", ratio))
    return table


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("commit", nargs="?", default="HEAD", help="the older commit")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="of each closed loop")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.seconds)))
        return
    from benchmarks.tables import table  # noqa: PLC0415

    old, new = [], []
    with checked_out(options.commit) as tree:
        for _ in range(options.rounds):
            old.append(measured(tree, options.seconds))
            new.append(measured(HERE, options.seconds))
    print(table.markdown(("", options.commit, "this tree", "new ÷ old"), rows(old, new)))


if __name__ == "__main__":
    main()
