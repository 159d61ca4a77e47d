"""How many bytes of photos all requests together may hold in this process.

A request may send up to the limit of one photo; what bounds many of them at once is here. Bytes
are counted as they come, so that a client which declares much and sends little takes little.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from api.settings import BUDGET_BYTES
from shared.errors import QueueFull

RETRY_S = 1


class MemoryLease:
    """What one request holds."""

    def __init__(self, budget: "MemoryBudget") -> None:
        self._budget = budget
        self.bytes = 0

    def set(self, size: int) -> None:
        """The request holds so many bytes now.

        Raises:
            QueueFull: All requests together would hold too many.
        """
        total = self._budget.reserved_bytes + size - self.bytes
        if size > self.bytes and total > self._budget.most:
            raise QueueFull("Too many photos are being sent at once. Try again.", RETRY_S)
        self._budget.reserved_bytes = total
        self.bytes = size


class MemoryBudget:
    """Shared by the requests of one event loop; no lock is needed."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.most = most_bytes
        self.reserved_bytes = 0

    @contextmanager
    def lease(self) -> Iterator[MemoryLease]:
        """Whatever the block holds is given back at its end."""
        lease = MemoryLease(self)
        try:
            yield lease
        finally:
            lease.set(0)
