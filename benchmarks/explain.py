"""``python -m benchmarks.explain``: the cost of a class activation map.

Loads the model in the worker's settings. Classifies one photo, then classifies and explains it, in
turns, and prints the medians in milliseconds.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from worker.inference import load_runtime
from worker.models.selection import resolve
from worker.settings import WorkerSettings

ROUNDS = 60
CLASSES = [281, 282, 285]


def main() -> int:
    """Measure and print; returns the exit code."""
    settings = WorkerSettings()
    spec = resolve(settings)
    runtime = load_runtime(spec, settings)
    side = spec.recipe.crop
    photo = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)

    def classify() -> None:
        runtime.predict(photo[None])

    def explain() -> None:
        runtime.predict(photo[None])
        runtime.explain(photo, CLASSES)

    first = _ms(explain)
    plain, explained = [], []
    for _ in range(ROUNDS):
        plain.append(_ms(classify))
        explained.append(_ms(explain))
    ratio = statistics.median(explained) / statistics.median(plain)
    print(f"{runtime.name} {runtime.precision} on {runtime.device}: ", end="")
    print(f"without {statistics.median(plain):.1f} ms, with {statistics.median(explained):.1f} ms ")
    print(f"({ratio:.2f} times); the first explanation, which compiles the graph, {first:.0f} ms")
    return 0


def _ms(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
