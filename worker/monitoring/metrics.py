"""Counters and histograms of one worker; its heartbeat sends them."""

import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram

from shared import worker_metrics
from shared.queue.names import QueueName
from shared.worker_metrics import Family
from worker.inference.runtime import Runtime


class WorkerMetrics:
    """Totals since the start of this process; thread-safe."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        wait = self._histogram(worker_metrics.WAIT)
        self._decode = self._histogram(worker_metrics.DECODE)
        self._inference = self._histogram(worker_metrics.INFERENCE)
        self._batch_size = self._histogram(worker_metrics.BATCH_SIZE)
        # A series that begins at its first event hides that event from rate().
        self._wait = {queue: wait.labels(queue.value) for queue in QueueName}
        faults = self._counter(worker_metrics.FAULTS)
        self._delete_failures = self._counter(worker_metrics.DELETE_FAILURES)
        self._faults = {name: faults.labels(name) for name in worker_metrics.FAULT_REASONS}

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(
            family.name,
            family.help,
            family.labels,
            buckets=family.buckets,
            registry=self._registry,
        )

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self._registry)

    def totals(self) -> dict[str, float]:
        """Every sample, as :func:`shared.worker_metrics.totals` writes it."""
        return worker_metrics.totals(self._registry)

    def faulty(self, reason: str) -> None:
        """Count an exit because of a worker fault; ``reason`` is one of `FAULT_REASONS`."""
        self._faults[reason].inc()

    def delete_failed(self) -> None:
        """Count an upload that could not be deleted."""
        self._delete_failures.inc()

    def started(self, queue: QueueName, waited_s: float) -> None:
        """Record the start of an item, ``waited_s`` seconds after its job was created."""
        self._wait[queue].observe(waited_s)

    def decoded(self, seconds: float) -> None:
        """Record the preprocessing of a photo."""
        self._decode.observe(seconds)

    def inferred(self, photos: int, seconds: float) -> None:
        """Record a call of the model with ``photos`` photos."""
        self._batch_size.observe(photos)
        self._inference.observe(seconds)


class TimedRuntime:
    """A runtime whose calls are counted and timed."""

    def __init__(self, runtime: Runtime, metrics: WorkerMetrics) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self.name, self.device = runtime.name, runtime.device
        self.precision, self.concurrency = runtime.precision, runtime.concurrency
        self.best_batch, self.explains = runtime.best_batch, runtime.explains

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Runtime.predict`; counts and times the call."""
        began = time.perf_counter()
        probabilities = self._runtime.predict(batch)
        self._metrics.inferred(len(batch), time.perf_counter() - began)
        return probabilities

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """As the runtime does; counts nothing."""
        return self._runtime.explain(photo, classes)

    def warm_up(self, sizes: Iterable[int]) -> None:
        """As the runtime does; counts nothing."""
        self._runtime.warm_up(sizes)
