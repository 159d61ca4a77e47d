"""The items that this process is working on, for the heartbeat and the watchdog.

Time limits that end the process are counted in ticks of the watching thread, never by a clock: a
process that was paused for a minute must not conclude that every step took a minute.
"""

import threading
import time
from collections.abc import Iterator
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
        queue: The queue of its messages; known once the item is started.
        worked: Whether the photo's bytes were read, so that finishing the item takes work.
        timed: Whether the watchdog is counting.
        ticks: The watchdog's count.
    """

    ref: ItemRef
    alone: bool
    started: bool = False
    queue: QueueName = QueueName.BATCH
    worked: bool = False
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
        received: Number of messages, including stale ones.
        finished: Number of items that were finished by work. A dropped message counts neither for
            the worker's rate nor as a sign that its model works.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[int, InFlightItem] = {}
        self._busy_s = 0.0
        self._busy_since = 0.0
        self.received = 0
        self.finished = 0

    @contextmanager
    def item(self, ref: ItemRef, *, alone: bool) -> Iterator[InFlightItem]:
        """Hold an item for as long as the block runs."""
        entry = InFlightItem(ref, alone)
        with self._lock:
            if not self._by_id:
                self._busy_since = time.monotonic()
            self._by_id[id(entry)] = entry
            self.received += 1
        try:
            yield entry
        finally:
            with self._lock:
                del self._by_id[id(entry)]
                self.finished += entry.worked
                if not self._by_id:
                    self._busy_s += time.monotonic() - self._busy_since

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
