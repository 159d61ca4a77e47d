"""Limits the memory of all decoding threads together, and returns it to the system."""

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# Memory of eight photos of 12 megapixels. Small photos decode in parallel on every thread; a photo
# that needs more than the budget is decoded by itself.
DECODE_BUDGET_BYTES = 256 * 1024 * 1024

# The pictures of ordinary photos are smaller; Pillow allocates large ones in blocks of 16 MiB.
LARGE_BLOCK_BYTES = 4 * 1024 * 1024
# Freed memory that the heap of a thread keeps, so that the next photo can be decoded into it.
KEPT_BYTES = 8 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back_large_blocks() -> None:
    """Make glibc return large blocks to the system as soon as they are freed.

    By default glibc does so only at first: it then treats the size of a freed block as usual, and
    keeps blocks of up to 32 MiB in a heap per thread. After 49 megapixels, five times on eight
    threads, a gigabyte was left (measured). This setting by itself would make glibc trim every heap
    to 128 KiB repeatedly, and each photo would have to fetch its pages again: preprocessing took
    4.8 ms instead of 4.0 ms (measured). Therefore each heap may keep ``KEPT_BYTES``.

    With another C library, this function does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def picture_bytes(width: int, height: int, depth: int) -> int:
    """Memory of a picture in Pillow, in bytes.

    Args:
        width: In pixels.
        height: In pixels; each row also has a pointer.
        depth: Bytes per pixel in Pillow: 1 for L, P and 1; 2 for I;16; 4 for all other modes.
    """
    return height * (8 + -(-width * depth // 4) * 4)


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
