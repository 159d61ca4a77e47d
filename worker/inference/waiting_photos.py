"""The photos that wait for the model, and which of them are next."""

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.queue.names import QueueName

# Four waiting requests for each photo of a batch: /predict stays fast, and batches still run.
INTERACTIVE_SHARE = 4
# For so long after a request, another one is expected.
RECENT_S = 1.0


class Timer(Protocol):
    """Measures the time that a photo spends in the model."""

    def begin(self) -> None:
        """A call of the model with this photo begins."""

    def end(self) -> None:
        """The call ended, and the photo may wait for another call."""


class NoTimer:
    """Measures nothing."""

    def begin(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class WaitingPhoto:
    """A photo that waits for the model.

    Attributes:
        pixels: uint8 of shape (height, width, 3).
        timer: Runs during calls of the model with the photo.
        future: Its probabilities, float32 of shape (classes,).
    """

    pixels: NDArray[np.uint8]
    timer: Timer
    future: "Future[NDArray[np.float32]]" = field(default_factory=Future)


class FairScheduler:
    """Decides which queue is next if both have items.

    After ``INTERACTIVE_SHARE`` interactive items in a row, one batch item is taken.
    """

    def __init__(self) -> None:
        self._in_a_row = 0

    @property
    def first(self) -> QueueName:
        """The next queue if both queues have items."""
        return QueueName.INTERACTIVE if self._in_a_row < INTERACTIVE_SHARE else QueueName.BATCH

    def took(self, queue: QueueName) -> None:
        """Count one item taken from a queue."""
        self._in_a_row = self._in_a_row + 1 if queue is QueueName.INTERACTIVE else 0


class WaitingPhotos:
    """The waiting photos of both queues. Not thread-safe: `MicroBatcher` holds a lock.

    Args:
        on_processor: Whether the model runs on a processor, where each photo makes a call longer.
    """

    def __init__(self, *, on_processor: bool) -> None:
        self._on_processor = on_processor
        self._queues: dict[QueueName, deque[WaitingPhoto]] = {name: deque() for name in QueueName}
        self._preference = FairScheduler()
        self._requested = -RECENT_S

    def __len__(self) -> int:
        """The number of photos of both queues."""
        return sum(map(len, self._queues.values()))

    @property
    def requests(self) -> int:
        """The number of photos of waiting requests."""
        return len(self._queues[QueueName.INTERACTIVE])

    def add(self, photo: WaitingPhoto, queue: QueueName) -> None:
        """Add a photo to its queue."""
        if queue is QueueName.INTERACTIVE:
            self._requested = time.monotonic()
        self._queues[queue].append(photo)

    def take(self, most: int) -> list[WaitingPhoto]:
        """Take the next photos, at most so many."""
        return [self._next() for _ in range(min(most, len(self)))]

    def for_a_call(self, most: int) -> int:
        """The number of photos in the next call if a call may have ``most``.

        On a processor, `/predict` waits for the whole call. So a batch's photos do not fill up a
        call of requests, and between requests their own calls are half as large.
        """
        if not self._on_processor:
            return most
        if self.requests:
            return min(most, self.requests)
        recent = time.monotonic() < self._requested + RECENT_S
        return max(1, most // 2) if recent else most

    def _next(self) -> WaitingPhoto:
        first = self._preference.first
        chosen = first if self._queues[first] else next(n for n in QueueName if self._queues[n])
        self._preference.took(chosen)
        return self._queues[chosen].popleft()
