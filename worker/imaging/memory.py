"""Bounds what decoding may take at once, and gives it back."""

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# What eight photos of 12 megapixels take at once; small ones decode side by side on every thread,
# and one that takes more than all of it runs by itself.
DECODE_BUDGET_BYTES = 256 * 1024 * 1024

# The pictures of ordinary photos stay below; Pillow takes large ones in blocks of 16 MiB.
LARGE_BLOCK_BYTES = 4 * 1024 * 1024
# What the heap of a thread keeps of what was freed last; the next photo is decoded into it.
KEPT_BYTES = 8 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back_large_blocks() -> None:
    """Have glibc return large blocks to the system as soon as they are freed.

    It does so at first, but counts a freed block's size as usual from then on, and keeps blocks of
    up to 32 MiB in a heap for each thread: 49 megapixels, five times on eight threads, left a
    gigabyte behind (measured). With that setting it would also trim every heap to 128 KiB again and
    again, and each photo would pay for its pages each time: 4.8 ms to preprocess one instead of 4.0
    (measured).
    Where the C library is another one, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def picture_bytes(width: int, height: int, depth: int) -> int:
    """How much memory Pillow takes for a picture, in bytes.

    Args:
        width: In pixels.
        height: In pixels; each row also has a pointer.
        depth: Bytes in which Pillow keeps a pixel: 1 for L, P and 1; 2 for I;16; 4 for all others.
    """
    return height * (8 + -(-width * depth // 4) * 4)


class MemoryBudget:
    """A semaphore weighted by bytes, first come, first served; what exceeds it all runs by itself.

    In no order, small photos would keep a large one waiting for as long as they come.
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
