"""Lock with two modes: many items together, or one in isolation."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class IsolationLock:
    """Lock that ordinary items share, and that a suspect one holds by itself.

    A suspect (its worker died holding it) runs with nothing else in the process, so that another
    death is its own doing and costs no neighbour. Once one waits, newcomers wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._suspects = 0

    @contextmanager
    def enter(self, *, alone: bool) -> Iterator[None]:
        """Wait for the door, hold it for as long as the block runs."""
        with self._changed:
            if alone:
                self._suspects += 1
                self._changed.wait_for(lambda: not self._alone and self._inside == 0)
                self._suspects -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: not self._alone and self._suspects == 0)
                self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                if alone:
                    self._alone = False
                else:
                    self._inside -= 1
                self._changed.notify_all()
