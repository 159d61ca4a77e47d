"""The micro-batcher: collects photos of many task threads into batches for one model.

There is no timer. When the model is free, it takes all waiting photos up to the batch size. So a
single photo never waits for others, and photos that arrive together share a batch.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from shared import log
from shared.queue.names import QueueName
from worker.inference.runtime import OutOfMemory, Runtime, WorkerFault
from worker.inference.waiting_photos import NoTimer, Timer, WaitingPhoto, WaitingPhotos

_log = log.get(__name__)

Probabilities = NDArray[np.float32]
# A photo fails only if it fails twice by itself while a known-good photo succeeds.
TRIES = 2


class MicroBatcher:
    """Collects single photos into batches for a runtime.

    There is one thread for each call that the runtime can usefully run at the same time.

    Where photos share calls (`Runtime.best_batch`), a call runs by itself on all cores. Only if two
    full calls of requests wait beside it, the next calls have a core each, until no call runs:
    cores that share a call also wait for each other (decision 0025).

    If a batch fails, each of its photos is tried by itself, so that one bad photo does not fail the
    others. If a batch does not fit into the device's memory, it is halved, and the smaller size is
    kept. If a photo fails by itself, a known-good photo shows whether the photo or this worker is
    at fault.

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
        self._waiting = WaitingPhotos(on_processor=runtime.device == "cpu")
        self._sharing = runtime.best_batch > 1
        # The threads that run a call, and whether it began by itself, so that it has all cores.
        self._calls: dict[int, bool] = {}
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
        waiting = WaitingPhoto(pixels, timer or NoTimer())
        with self._changed:
            self._waiting.add(waiting, queue)
            self._changed.notify()
        return waiting.future

    def _run(self) -> None:
        while photos := self._begin_call():
            try:
                self._predict(photos)
            finally:
                with self._changed:
                    del self._calls[threading.get_ident()]

    def _begin_call(self) -> list[WaitingPhoto]:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._may_begin())
            count = len(self._waiting)
            if not self._sharing:  # the free threads share out what waits
                count = -(-count // (len(self._threads) - len(self._calls)))
            photos = self._waiting.take(min(count, self._waiting.for_a_call(self._max)))
            if photos:
                self._calls[threading.get_ident()] = not self._calls
            return photos

    def _may_begin(self) -> bool:
        if not (self._calls and self._sharing and self._max > 1):
            return len(self._waiting) > 0
        on_all_cores = any(self._calls.values())
        return self._waiting.requests >= (2 * self._max if on_all_cores else 1)

    def _predict(self, batch: list[WaitingPhoto]) -> None:
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

    def _call(self, batch: list[WaitingPhoto]) -> Probabilities:
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

    def _predict_one(self, waiting: WaitingPhoto) -> None:
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

    def _halve(self, batch: list[WaitingPhoto]) -> None:
        half = len(batch) // 2
        with self._changed:
            self._max = max(1, min(self._max, half))
            self._changed.notify_all()  # fewer photos may begin a call
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
