"""Bounds what decoding may take at once. Depends on the standard library."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What eight photos of 12 megapixels take at once; small ones decode side by side on every thread,
# and one that takes more than all of it runs alone.
DECODE_BUDGET_BYTES = 256 * 1024 * 1024


class MemoryBudget:
    """A semaphore weighted by bytes; what exceeds the whole budget runs alone."""

    def __init__(self, budget_bytes: int = DECODE_BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._free = budget_bytes
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, wanted_bytes: int) -> Iterator[None]:
        """Wait until that many bytes are free, hold them for as long as the block runs."""
        weight = min(wanted_bytes, self._budget)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= weight)
            self._free -= weight
        try:
            yield
        finally:
            with self._changed:
                self._free += weight
                self._changed.notify_all()
