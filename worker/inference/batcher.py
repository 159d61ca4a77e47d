"""The micro-batcher: many task threads, one model.

There is no timer. When the model is free it takes what waits, so that a lone photo never waits for
company and a crowd travels together.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared import log
from shared.queue.names import QueueName
from worker.fairness import FairScheduler
from worker.inference.runtime import OutOfMemory, Runtime

_log = log.get(__name__)

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class _Waiting:
    pixels: NDArray[np.uint8]
    begin: Callable[[], None]
    future: "Future[Probabilities]" = field(default_factory=Future)


class MicroBatcher:
    """Collects single photos into batches for a runtime.

    One thread for each call that the runtime may usefully run at once. A batch that fails is tried
    again photo by photo, so that one bad photo never fails its neighbours; a batch that does not
    fit the device's memory is halved, and that size is kept.

    Args:
        runtime: What runs the batches.
        max_batch_size: Most photos in one call.
    """

    def __init__(self, runtime: Runtime, max_batch_size: int) -> None:
        self._runtime = runtime
        self._max = max_batch_size
        self._queues: dict[QueueName, deque[_Waiting]] = {name: deque() for name in QueueName}
        self._preference = FairScheduler()
        self._free = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"batcher-{n}", daemon=True)
            for n in range(runtime.concurrency)
        ]

    def start(self) -> None:
        """Begin to take photos."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what waits, then end the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(
        self, pixels: NDArray[np.uint8], queue: QueueName, begin: Callable[[], None] = lambda: None
    ) -> "Future[Probabilities]":
        """Queue one photo.

        Args:
            pixels: uint8 of shape (height, width, 3), all of one size.
            queue: Decides its turn.
            begin: Called when the photo's turn has come, before each call of the model with it.

        Returns:
            A future of float32 probabilities of shape (classes,); it raises what the runtime
            raised for this photo alone.
        """
        waiting = _Waiting(pixels, begin)
        with self._changed:
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
            # With several free threads a crowd is shared out: two streams beat one batch on a CPU.
            share = -(-count // self._free)
            self._free -= 1
            return [self._next() for _ in range(min(share, self._max))]

    def _next(self) -> _Waiting:
        first = self._preference.first
        chosen = first if self._queues[first] else next(n for n in QueueName if self._queues[n])
        self._preference.took(chosen)
        return self._queues[chosen].popleft()

    def _predict(self, batch: list[_Waiting]) -> None:
        for waiting in batch:
            waiting.begin()
        try:
            rows = self._runtime.predict(np.stack([waiting.pixels for waiting in batch]))
            results = list(zip(batch, rows, strict=True))
        except OutOfMemory as error:
            self._halve(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to its photo
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            _log.warning("batch failed, trying its photos alone", size=len(batch), error=str(error))
            for waiting in batch:
                self._predict([waiting])
        else:
            for waiting, row in results:
                waiting.future.set_result(row)

    def _halve(self, batch: list[_Waiting], error: OutOfMemory) -> None:
        if len(batch) == 1:
            batch[0].future.set_exception(error)
            return
        half = len(batch) // 2
        self._max = max(1, min(self._max, half))
        _log.warning("out of memory, batch halved", size=len(batch), now=self._max)
        self._predict(batch[:half])
        self._predict(batch[half:])
