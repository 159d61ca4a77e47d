"""A limit on the memory of all photos that are decoded at the same time."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from worker.imaging.memory import DECODE_BUDGET_BYTES


class MemoryBudget:
    """A semaphore weighted by bytes, first come, first served.

    A request that exceeds the whole budget runs by itself. Without an order, small photos could
    delay a large photo for ever.
    """

    def __init__(self, budget_bytes: int = DECODE_BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._free = budget_bytes
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many decodes wait for memory."""
        return len(self._waiting)

    @contextmanager
    def reserve(self, wanted_bytes: int) -> Iterator[None]:
        """Wait until that many bytes are free, hold them for as long as the block runs."""
        weight = min(wanted_bytes, self._budget)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._free >= weight)
                self._free -= weight
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += weight
                self._changed.notify_all()
