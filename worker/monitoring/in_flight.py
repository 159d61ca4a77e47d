"""What this process is doing right now, for the heartbeat and the watchdog to look at.

What may end a process is counted in the watcher's own ticks, never by a clock: one that was stopped
for a minute and wakes must not find that everything took a minute.
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
        alone: Nothing else may run in this process meanwhile.
        started: It is this worker's; a stale message never starts.
        queue: Where its messages go; known once it is started.
        worked: Its bytes are here, so that its end takes work.
        timed: The watchdog counts now.
        ticks: How far it has counted.
    """

    ref: ItemRef
    alone: bool
    started: bool = False
    queue: QueueName = QueueName.BATCH
    worked: bool = False
    timed: bool = False
    ticks: int = 0

    def begin(self) -> None:
        """Let the watchdog count from now: a decode or an inference begins, not a wait for one."""
        self.ticks, self.timed = 0, True

    def end(self) -> None:
        """Let the watchdog count no more."""
        self.timed = False


class InFlightItems:
    """The items that task threads hold, and how many came and went.

    Attributes:
        received: Messages, stale ones as well.
        finished: Items that ended by work. A message that was dropped counts neither for the
            worker's rate nor as a sign that its model works.
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
        """Let the watchdog count while the block runs."""
        entry.begin()
        try:
            yield
        finally:
            entry.end()

    def busy_s(self) -> float:
        """Seconds in all during which at least one item was held."""
        with self._lock:
            running = time.monotonic() - self._busy_since if self._by_id else 0.0
            return self._busy_s + running

    def entries(self) -> list[InFlightItem]:
        """A copy of what is held now."""
        with self._lock:
            return list(self._by_id.values())
