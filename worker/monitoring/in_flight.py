"""The messages and items that this process is working on, for the heartbeat and the watchdog.

`IsolationLock` keeps an item that may have killed its worker apart from all others.

Time limits that end the process are counted in ticks of the watching thread, never by a clock: a
process that was paused for a minute must not conclude that every step took a minute.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from shared.messages import ItemRef
from shared.queue.names import QueueName


@dataclass
class InFlightItem:
    """One item in one task thread.

    Attributes:
        ref: The delivery.
        alone: Whether the item runs in isolation, with no other item in this process.
        started: Whether this worker has started the item; a stale message never starts.
        queue: The queue of its messages.
        decoded: Whether the photo was decoded, so that the model gets it.
        timed: Whether the watchdog is counting.
        ticks: The watchdog's count.
    """

    ref: ItemRef
    alone: bool
    started: bool = False
    queue: QueueName = QueueName.BATCH
    decoded: bool = False
    timed: bool = False
    ticks: int = 0

    def begin(self) -> None:
        """Start the watchdog's count, at the begin of a decode or inference, not of a wait."""
        self.ticks, self.timed = 0, True

    def end(self) -> None:
        """Stop the watchdog's count."""
        self.timed = False


class InFlightItems:
    """The items that task threads hold, and counts of messages and finished items.

    Attributes:
        received: Number of messages by queue, including stale ones.
        finished: Number of items that were started and finished; a dropped message does not count.
        classified: Number of those that the model had. Only these count for the worker's rate, and
            as a sign that its model works.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[int, InFlightItem] = {}
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._open = Counter[QueueName]()
        self.received = Counter[QueueName]()
        self.finished = 0
        self.classified = 0

    @contextmanager
    def message(
        self, refs: Sequence[ItemRef], queue: QueueName, *, alone: bool = False
    ) -> Iterator[list[InFlightItem]]:
        """Hold the items of a message, until the block ends or `end` is called for them."""
        entries = [InFlightItem(ref, alone, queue=queue) for ref in refs]
        with self._lock:
            if not self._by_id:
                self._busy_since = time.monotonic()
            self._by_id.update((id(entry), entry) for entry in entries)
            self._open[queue] += 1
            self.received[queue] += 1
        try:
            yield entries
        finally:
            self.end(entries)
            with self._lock:
                self._open[queue] -= 1

    def end(self, entries: Sequence[InFlightItem]) -> None:
        """Hold these items no longer."""
        with self._lock:
            was_busy = bool(self._by_id)
            for entry in entries:
                if self._by_id.pop(id(entry), None):
                    self.finished += entry.started
                    self.classified += entry.decoded
            if was_busy and not self._by_id:
                self._busy_s += time.monotonic() - self._busy_since

    def open_messages(self, queue: QueueName) -> int:
        """How many messages of a queue this process holds."""
        with self._lock:
            return self._open[queue]

    @contextmanager
    def timed(self, entry: InFlightItem) -> Iterator[None]:
        """Run the watchdog's count while the block runs."""
        entry.begin()
        try:
            yield
        finally:
            entry.end()

    def busy_s(self) -> float:
        """Total seconds during which at least one item was held."""
        with self._lock:
            running = time.monotonic() - self._busy_since if self._by_id else 0.0
            return self._busy_s + running

    def entries(self) -> list[InFlightItem]:
        """A copy of the list of held items."""
        with self._lock:
            return list(self._by_id.values())


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
