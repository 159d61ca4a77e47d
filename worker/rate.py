"""How many items a second this worker ends while it has any: the capacity that admission counts on.

A plain count per second would call an idle worker slow. Depends on nothing.
"""

# One look every two seconds of being busy moves the estimate a third of the way: a worker that
# slows down is believed within some six seconds.
WEIGHT = 1 / 3
# Less than this between two looks says too little.
LEAST_BUSY_S = 0.2


class Rate:
    """An exponentially weighted rate over busy time."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._finished = 0
        self._busy_s = 0.0

    def add(self, finished: int, busy_s: float) -> None:
        """Take both totals so far: items that ended, seconds in which any was held."""
        if busy_s - self._busy_s < LEAST_BUSY_S:
            return
        now = (finished - self._finished) / (busy_s - self._busy_s)
        self._finished, self._busy_s = finished, busy_s
        if now > 0:
            before = now if self.per_s is None else self.per_s
            self.per_s = round(before + WEIGHT * (now - before), 2)
