"""How many bytes of photos all requests together may hold in this process.

A request may send up to the limit of one photo; what bounds many of them at once is here. Bytes
are counted as they come, so that a client which declares much and sends little takes little.
Depends on shared.errors alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import QueueFull

# With the api's own 70 MB this stays well below the 512 MB that compose grants it, also while JSON
# bodies are held twice.
BUDGET_BYTES = 128 * 1024 * 1024
RETRY_S = 1


class Held:
    """What one request holds."""

    def __init__(self, budget: "IntakeBudget") -> None:
        self._budget = budget
        self.bytes = 0

    def set(self, size: int) -> None:
        """The request holds so many bytes now.

        Raises:
            QueueFull: All requests together would hold too many.
        """
        if size > self.bytes and self._budget.held + size - self.bytes > self._budget.most:
            raise QueueFull("Too many photos are being sent at once. Try again.", RETRY_S)
        self._budget.held += size - self.bytes
        self.bytes = size


class IntakeBudget:
    """Shared by the requests of one event loop; no lock is needed."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.most = most_bytes
        self.held = 0

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Whatever the block holds is given back at its end."""
        held = Held(self)
        try:
            yield held
        finally:
            held.set(0)
