"""Items per second that this worker finishes while it is busy: the capacity admission counts on.

A plain count per second would call an idle worker slow.
"""

import time

import numpy as np

from worker.inference.runtime import Runtime

# One look every two seconds of being busy moves the estimate a third of the way: a worker that
# slows down is believed within some six seconds.
WEIGHT = 1 / 3
# Less than this between two looks says too little.
LEAST_BUSY_S = 0.2


class Rate:
    """An exponentially weighted rate over busy time.

    Args:
        per_s: The rate until something has ended.
    """

    def __init__(self, per_s: float | None = None) -> None:
        self.per_s = per_s
        self._finished = 0
        self._busy_s = 0.0

    def add(self, finished: int, busy_s: float) -> None:
        """Add both totals so far: items that ended by work, seconds in which any was held."""
        if busy_s - self._busy_s < LEAST_BUSY_S:
            return
        now = (finished - self._finished) / (busy_s - self._busy_s)
        self._finished, self._busy_s = finished, busy_s
        if now > 0:
            before = now if self.per_s is None else self.per_s
            self.per_s = round(before + WEIGHT * (now - before), 2)


def first_guess(runtime: Runtime, size: int, crop: int) -> float:
    """Photos a second in calls of ``size`` photos, one call at a time, of a model that is warm.

    A worker without a rate until it has finished something would let any number of requests wait
    at its start.
    """
    batch = np.zeros((size, crop, crop, 3), np.uint8)
    began = time.monotonic()
    runtime.predict(batch)
    return round(size / max(time.monotonic() - began, 1e-3), 2)
