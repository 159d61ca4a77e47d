"""Limits the bytes of photos that all requests together hold in this process.

Another limit applies to the size of one photo. Bytes are counted as they arrive, so a client that
declares a large body and sends little uses little of the budget.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from api.settings import BUDGET_BYTES
from shared.errors import QueueFull

RETRY_S = 1


class MemoryLease:
    """The bytes that one request holds."""

    def __init__(self, budget: "MemoryBudget") -> None:
        self._budget = budget
        self.bytes = 0

    def set(self, size: int) -> None:
        """Record that the request now holds ``size`` bytes.

        Raises:
            QueueFull: All requests together would hold too many bytes.
        """
        total = self._budget.reserved_bytes + size - self.bytes
        if size > self.bytes and total > self._budget.most:
            raise QueueFull("Too many photos are being sent at once. Try again.", RETRY_S)
        self._budget.reserved_bytes = total
        self.bytes = size


class MemoryBudget:
    """The budget that the requests of one event loop share; it needs no lock."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.most = most_bytes
        self.reserved_bytes = 0

    @contextmanager
    def lease(self) -> Iterator[MemoryLease]:
        """Give the request a lease; its bytes are returned to the budget when the block ends."""
        lease = MemoryLease(self)
        try:
            yield lease
        finally:
            lease.set(0)
