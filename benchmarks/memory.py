"""``python -m benchmarks.memory``: whether the service's memory stays flat over 10,000 requests.

Other programs on the machine do not matter, because only memory is measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.generator import run
from benchmarks.rounds import say
from benchmarks.run import ours_alone
from benchmarks.tables import table

CONNECTIONS = 32
STEP_S = 10.0
WARM = 0.1  # share of the requests after which memory has settled
KINDS = ("api", "worker", "Redis")
Step = tuple[int, dict[str, float]]


def drift(steps: Sequence[Step], kind: str) -> float:
    """The largest relative change of memory after it had settled.

    Args:
        steps: The number of requests so far, and the memory in MB by kind of process.
        kind: ``api``, ``worker`` or ``Redis``.
    """
    settled = [memory[kind] for requests, memory in steps if requests >= WARM * steps[-1][0]]
    return max(abs(memory / settled[0] - 1) for memory in settled)


def report(steps: Sequence[Step]) -> str:
    """A table of about ten of the steps, and the drift of each kind of process, as Markdown."""
    shown = steps[:: max(1, len(steps) // 10)]
    rows = [[requests, *(f"{memory[kind]:.1f}" for kind in KINDS)] for requests, memory in shown]
    flat = ", ".join(f"{kind} {drift(steps, kind):.1%}" for kind in KINDS)
    head = ["requests", *(f"{kind} MB" for kind in KINDS)]
    return f"{table.markdown(head, rows)}\n\nLargest change after the first {WARM:.0%}: {flat}."


def main() -> None:
    """Start the service, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--photos", type=Path, help="a folder; default: scikit-image's")
    options = parser.parse_args()
    steps: list[Step] = []
    with ours_alone(options.photos) as (server, listed):
        done = 0
        while done < options.requests:
            done += run(f"{server.url}/predict", listed, CONNECTIONS, STEP_S).requests
            steps.append((done, server.memory_mb()))
            say(f"{done} requests")
    print(report(steps))


if __name__ == "__main__":
    main()
