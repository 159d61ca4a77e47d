"""Keeps a photo that may have killed its worker apart from all others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class IsolationLock:
    """Lock that ordinary items share, and that a suspect one holds by itself.

    A suspect (its worker died holding it) runs with nothing else in the process. If the process
    dies again, the suspect caused it, and no other item is affected. While a suspect waits, items
    that arrive later wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._suspects = 0
        self._exits = 0

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
                self._changed.wait_for(lambda: self._is_free() and self._inside == 0)
                self._suspects -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: self._is_free() and self._suspects == 0)
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

    def _is_free(self) -> bool:
        return not self._alone and not self._exits

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let no item in while the block runs; those inside stay."""
        with self._changed:
            self._exits += 1
        try:
            yield
        finally:
            with self._changed:
                self._exits -= 1
                self._changed.notify_all()
