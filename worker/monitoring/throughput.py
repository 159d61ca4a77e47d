"""Measures how many items per second this worker finishes while busy; admission uses this rate.

A plain count per second would make an idle worker look slow.
"""

import time

import numpy as np

from worker.inference.runtime import Runtime

# Weight of a new sample. With a sample every two seconds, the rate follows a worker that slows down
# within about six seconds.
WEIGHT = 1 / 3
# Samples with less busy time than this are too inaccurate.
LEAST_BUSY_S = 0.2


class Rate:
    """An exponentially weighted rate over busy time.

    Args:
        per_s: The rate until an item is finished.
    """

    def __init__(self, per_s: float | None = None) -> None:
        self.per_s = per_s
        self._finished = 0
        self._busy_s = 0.0

    def add(self, finished: int, busy_s: float) -> None:
        """Add a sample of the totals.

        Args:
            finished: Items so far that the model had and that are finished.
            busy_s: Seconds so far during which at least one item was held.
        """
        if busy_s - self._busy_s < LEAST_BUSY_S:
            return
        now = (finished - self._finished) / (busy_s - self._busy_s)
        self._finished, self._busy_s = finished, busy_s
        if now > 0:
            before = now if self.per_s is None else self.per_s
            self.per_s = round(before + WEIGHT * (now - before), 2)


def first_guess(runtime: Runtime, size: int, crop: int) -> float:
    """Photos per second of a warm model, in calls of ``size`` photos, one call at a time.

    Without this first rate, a new worker would let any number of requests wait until it has
    finished an item.
    """
    batch = np.zeros((size, crop, crop, 3), np.uint8)
    began = time.monotonic()
    runtime.predict(batch)
    return round(size / max(time.monotonic() - began, 1e-3), 2)
