"""The seconds of ``Retry-After``, from the rate at which items are finished."""

import math
from collections import deque

RATE_OVER_S = 10.0
RETRY_MIN_S, RETRY_MAX_S = 1, 120


class EndRate:
    """Items finished per second while other items waited, over the last ten seconds of such time.

    Idle time is not counted: it would make clients of a sudden burst retry far too late.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, ended: int, waiting: int) -> None:
        """Record the counters.

        Args:
            at_s: Time of the sample, in seconds.
            ended: Items finished so far.
            waiting: Items that wait now.
        """
        if not waiting or (self._samples and ended < self._samples[-1][1]):
            self._samples.clear()  # a lower count means that Redis lost its data
        self._samples.append((at_s, ended))
        while at_s - self._samples[0][0] > RATE_OVER_S:
            self._samples.popleft()

    @property
    def per_s(self) -> float:
        """Items per second; 0 if no item was finished or the rate is not known yet."""
        if len(self._samples) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / max(last_s - first_s, 1e-3)


def retry_after_s(depth: int, per_s: float) -> int:
    """Whole seconds until ``depth`` items are finished at this rate, from 1 to 120."""
    if per_s <= 0:
        return RETRY_MAX_S if depth else RETRY_MIN_S
    return max(RETRY_MIN_S, math.ceil(min(RETRY_MAX_S, depth / per_s)))
