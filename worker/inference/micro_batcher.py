"""The micro-batcher: collects photos of many task threads into batches for one model.

There is no timer. When the model is free, it takes all waiting photos up to the batch size. So a
single photo never waits for others, and photos that arrive together share a batch.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared import log
from shared.queue.names import QueueName
from worker.inference.runtime import OutOfMemory, Runtime, WorkerFault

_log = log.get(__name__)

Probabilities = NDArray[np.float32]
# A photo fails only if it fails twice by itself while a known-good photo succeeds.
TRIES = 2
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
class _Waiting:
    pixels: NDArray[np.uint8]
    timer: Timer
    future: "Future[Probabilities]" = field(default_factory=Future)


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


class MicroBatcher:
    """Collects single photos into batches for a runtime.

    There is one thread for each call that the runtime can usefully run at the same time. If a batch
    fails, each of its photos is tried by itself, so that one bad photo does not fail the others. If
    a batch does not fit into the device's memory, it is halved, and the smaller size is kept. If a
    photo fails by itself, a known-good photo shows whether the photo or this worker is at fault.

    Args:
        runtime: Runs the batches.
        max_batch_size: Maximum number of photos in one call.
        self_check: Classifies a known-good photo; raises WorkerFault if the model no longer works.
    """

    def __init__(
        self, runtime: Runtime, max_batch_size: int, self_check: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._self_check = self_check
        self._max = max_batch_size
        self._queues: dict[QueueName, deque[_Waiting]] = {name: deque() for name in QueueName}
        self._preference = FairScheduler()
        self._requested = -RECENT_S
        self._free = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"batcher-{n}", daemon=True)
            for n in range(runtime.concurrency)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the waiting photos, then stop the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(
        self, pixels: NDArray[np.uint8], queue: QueueName, timer: Timer | None = None
    ) -> "Future[Probabilities]":
        """Queue one photo.

        Args:
            pixels: uint8 of shape (height, width, 3), all of one size.
            queue: The queue of the photo, which affects its turn.
            timer: Runs during calls of the model with the photo, not while the photo waits.

        Returns:
            A future of float32 probabilities of shape (classes,), all finite. It raises the
            exception of the runtime for this photo by itself, or WorkerFault if the model no longer
            works.
        """
        waiting = _Waiting(pixels, timer or NoTimer())
        with self._changed:
            if queue is QueueName.INTERACTIVE:
                self._requested = time.monotonic()
            self._queues[queue].append(waiting)
            self._changed.notify()
        return waiting.future

    def _run(self) -> None:
        while batch := self._take():
            self._predict(batch)

    def _take(self) -> list[_Waiting]:
        with self._changed:
            self._free += 1
            self._changed.wait_for(lambda: any(self._queues.values()) or self._stopping)
            count = sum(map(len, self._queues.values()))
            # Several free threads share the waiting photos: on a CPU, two streams are faster than
            # one batch.
            share = -(-count // self._free)
            self._free -= 1
            return [self._next() for _ in range(min(share, self._most()))]

    def _most(self) -> int:
        """The largest number of photos for the next call.

        On a processor, each photo makes a call longer, and `/predict` waits for the whole call. So
        a batch's photos do not fill up a call of requests, and between requests their own calls
        are half as large.
        """
        if self._runtime.device != "cpu":
            return self._max
        if requests := len(self._queues[QueueName.INTERACTIVE]):
            return min(self._max, requests)
        recent = time.monotonic() < self._requested + RECENT_S
        return max(1, self._max // 2) if recent else self._max

    def _next(self) -> _Waiting:
        first = self._preference.first
        chosen = first if self._queues[first] else next(n for n in QueueName if self._queues[n])
        self._preference.took(chosen)
        return self._queues[chosen].popleft()

    def _predict(self, batch: list[_Waiting]) -> None:
        if len(batch) == 1:
            self._predict_one(batch[0])
            return
        try:
            rows = self._call(batch)
        except OutOfMemory:
            self._halve(batch)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            _log.warning("batch failed, trying each photo", size=len(batch), error=str(error))
            for waiting in batch:
                self._predict_one(waiting)
        else:
            for waiting, row in zip(batch, rows, strict=True):
                waiting.future.set_result(row)

    def _call(self, batch: list[_Waiting]) -> Probabilities:
        """One call of the model; a photo's timer runs only while the model has the photo."""
        for waiting in batch:
            waiting.timer.begin()
        try:
            rows = finite(self._runtime.predict(np.stack([waiting.pixels for waiting in batch])))
        finally:
            for waiting in batch:
                waiting.timer.end()
        if len(rows) != len(batch):
            raise ValueError(f"the model answered {len(rows)} rows for {len(batch)} photos")
        return rows

    def _predict_one(self, waiting: _Waiting) -> None:
        failure: Exception = RuntimeError("not tried")
        for _ in range(TRIES):
            try:
                row = self._call([waiting])[0]
            except Exception as error:  # noqa: BLE001 - a model may raise anything
                failure = error
            else:
                waiting.future.set_result(row)
                return
            waiting.timer.begin()
            try:
                self._self_check()
            except WorkerFault as fault:
                waiting.future.set_exception(fault)
                return
            finally:
                waiting.timer.end()
        if isinstance(failure, OutOfMemory):  # every photo takes the same memory
            failure = WorkerFault("memory", f"one photo does not fit: {failure}")
        waiting.future.set_exception(failure)

    def _halve(self, batch: list[_Waiting]) -> None:
        half = len(batch) // 2
        self._max = max(1, min(self._max, half))
        _log.warning("out of memory, batch halved", size=len(batch), now=self._max)
        self._predict(batch[:half])
        self._predict(batch[half:])


def finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values themselves, float32 of any shape.

    Raises:
        ValueError: A value is infinite or NaN.
    """
    if not np.isfinite(values).all():
        raise ValueError("the model answered numbers that are not finite")
    return values
