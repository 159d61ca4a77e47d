"""``python -m benchmarks.workers``: workers limited to one core, with and without pinned threads.

Each process runs the engine on one thread, as in a container with one core. OpenVINO pins the
threads of every process starting from the first core, so pinned workers would share a core while
others are idle; the service therefore disables pinning. One and two workers, and a single call on
all cores, are measured in turns with and without pinning. The worker's settings apply.
"""

import argparse
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import numpy as np
import psutil

from benchmarks.harness.limit import Engine
from benchmarks.rounds import say
from benchmarks.tables import table
from worker.models.selection import resolve
from worker.settings import WorkerSettings

WORKERS = (1, 2)
PINNING = {True: "pinned", False: "not pinned"}


@dataclass(frozen=True)
class Seen:
    """The results of one process.

    Attributes:
        per_s: Photos per second.
        lone_ms: Median duration of one call, in ms.
        cores: The cores that the busiest thread may use, such as `0-2,5`.
    """

    per_s: float
    lone_ms: float
    cores: str


Found = dict[tuple[bool, int], list[list[Seen]]]
"""The results of each round, by pinning and number of workers."""

_together: Barrier


def _begin(barrier: Barrier) -> None:
    global _together  # noqa: PLW0603 - a barrier can only be inherited, not sent
    _together = barrier


def _infer(pinned: bool, threads: int | None, seconds: float) -> Seen:
    """Measure the engine in this process, once all processes are ready."""
    settings = WorkerSettings()
    spec = resolve(settings)
    compiled = Engine(spec, settings).compile(1, pinned=pinned, threads=threads)
    request = compiled.create_infer_request()
    pixels = np.zeros((1, spec.recipe.crop, spec.recipe.crop, 3), np.uint8)
    request.infer({0: pixels})
    _together.wait()
    # OpenVINO pins the calling thread too, but only during the call
    allowed: dict[int, set[int]] = {}
    threading.Timer(seconds / 2, lambda: allowed.update(_allowed())).start()
    took: list[float] = []
    before, began = _thread_s(), time.perf_counter()
    while (now := time.perf_counter()) - began < seconds or len(took) < 2:
        request.infer({0: pixels}, share_inputs=True)
        took.append(time.perf_counter() - now)
    whole = time.perf_counter() - began
    used = {thread: spent - before.get(thread, 0) for thread, spent in _thread_s().items()}
    busiest = max(used, key=used.__getitem__)
    return Seen(len(took) / whole, statistics.median(took) * 1000, listed(allowed[busiest]))


def _thread_s() -> dict[int, float]:
    """CPU seconds of each thread of this process."""
    return {t.id: t.user_time + t.system_time for t in psutil.Process().threads()}


def _allowed() -> dict[int, set[int]]:
    """The cores that each thread of this process may use."""
    return {t.id: os.sched_getaffinity(t.id) for t in psutil.Process().threads()}


def listed(cores: set[int]) -> str:
    """Core numbers as a list of ranges, such as `0-2,5`."""
    ranges: list[list[int]] = []
    for core in sorted(cores):
        if ranges and ranges[-1][-1] == core - 1:
            ranges[-1][1:] = [core]
        else:
            ranges.append([core])
    return ",".join("-".join(map(str, both)) for both in ranges)


def run(count: int, pinned: bool, threads: int | None, seconds: float) -> list[Seen]:
    """Measure ``count`` processes at the same time."""
    context = get_context("spawn")
    barrier = context.Barrier(count)
    with ProcessPoolExecutor(count, context, _begin, (barrier,)) as pool:
        tasks = [pool.submit(_infer, pinned, threads, seconds) for _ in range(count)]
        return [task.result() for task in tasks]


def throughput(found: Found) -> str:
    """A table with a row per number of workers and pinning; medians over the rounds."""

    def median(rounds: list[list[Seen]], value: Callable[[Sequence[Seen]], float]) -> float:
        return statistics.median(value(workers) for workers in rounds)

    rows: list[table.Row] = []
    for (pinned, count), rounds in found.items():
        total = median(rounds, lambda workers: sum(seen.per_s for seen in workers))
        lone = median(rounds, lambda workers: statistics.fmean(s.lone_ms for s in workers))
        cores = " and ".join(seen.cores for seen in rounds[-1])
        rows.append([PINNING[pinned], count, f"{total:.1f}", f"{lone:.1f}", cores])
    return table.markdown(
        ["threads", "workers of one core", "photos/s in total", "ms per call", "allowed cores"],
        rows,
    )


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    options = parser.parse_args()
    os.environ["MODEL"] = "resnet50"
    found: Found = defaultdict(list)
    whole: dict[bool, list[float]] = defaultdict(list)
    for number in range(options.rounds):
        for pinned in PINNING:
            for count in WORKERS:
                found[pinned, count].append(run(count, pinned, 1, options.seconds))
            [alone] = run(1, pinned, None, options.seconds)
            whole[pinned].append(alone.lone_ms)
        say(f"round {number + 1} of {options.rounds}")
    print(throughput(found))
    rows = [[name, f"{statistics.median(whole[key]):.1f}"] for key, name in PINNING.items()]
    print("\n" + table.markdown(["threads", "ms per single call on all cores"], rows))


if __name__ == "__main__":
    main()
