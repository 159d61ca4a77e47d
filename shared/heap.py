"""How much of its freed memory a process keeps for its next allocations."""

import ctypes
from collections.abc import Callable
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed(kept: int, largest: int) -> None:
    """Make glibc keep freed memory up to a limit, and return freed large blocks at once.

    By default glibc adapts both limits to the blocks that are freed. A heap that returns too much
    has to fetch its pages again, which takes ten times as long as to copy into them (measured); one
    that returns too little keeps what a burst took.

    With another C library, this function does nothing.

    Args:
        kept: Free bytes that the heap of each thread keeps.
        largest: Blocks of at least this many bytes are returned at once.
    """
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, largest)
        mallopt(_M_TRIM_THRESHOLD, kept)


def give_back_freed() -> None:
    """Return all freed memory to the system; takes about a millisecond if there is little.

    With another C library, this function does nothing.
    """
    malloc_trim = _of_libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


@cache
def _of_libc(name: str) -> Callable[..., int] | None:
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function
