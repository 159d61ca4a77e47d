"""Lock with two modes: many items together, or one in isolation."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class IsolationLock:
    """Lock that ordinary items share, and that a suspect item holds exclusively.

    A suspect (its worker died holding it) runs with nothing else in the process. If the process
    dies again, the suspect caused it, and no other item is affected. While a suspect waits, items
    that arrive later wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._suspects = 0

    @property
    def waiting_suspects(self) -> int:
        """How many suspects wait for the lock."""
        with self._changed:
            return self._suspects

    @contextmanager
    def enter(self, *, alone: bool) -> Iterator[None]:
        """Hold the lock while the block runs."""
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
