"""The worker's runtime and preprocessing as a peer's engine, so that only the serving differs."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.answer import TOP, Prediction, predictions
from worker.imaging.preprocess import preprocess
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.models.selection import resolve
from worker.settings import WorkerSettings


class OurEngine:
    """The engine that a worker on a processor loads with the same settings.

    Args:
        several: Whether calls may have several photos; else it is compiled for calls of one.
    """

    def __init__(self, *, several: bool) -> None:
        settings = WorkerSettings()
        spec = resolve(settings)
        self._recipe, self._most = spec.recipe, settings.max_pixels
        cache = settings.model_cache.expanduser()
        self._runtime = OpenVINORuntime(spec, cache, settings.precision, several=several)
        size = settings.max_batch_size or self._runtime.best_batch
        self._runtime.warm_up(range(1, size + 1))
        self._size = size
        # Two calls of several photos are only faster if more of them wait (decision 0025).
        self._calls = ThreadPoolExecutor(1 if size > 1 else self._runtime.concurrency)

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """Decode and preprocess a file; returns uint8 of shape (224, 224, 3)."""
        return preprocess(data, self._recipe, self._most)

    def predict(self, inputs: list[NDArray[np.uint8]]) -> list[list[Prediction]]:
        """Classify inputs in calls of the worker's batch size; returns the response for each."""
        parts = [inputs[at : at + self._size] for at in range(0, len(inputs), self._size)]
        if len(parts) == 1:
            return self._predict(parts[0])
        return [answer for answers in self._calls.map(self._predict, parts) for answer in answers]

    def _predict(self, inputs: list[NDArray[np.uint8]]) -> list[list[Prediction]]:
        probabilities = self._runtime.predict(np.stack(inputs))
        best = np.argsort(-probabilities, axis=1)[:, :TOP]
        values = np.take_along_axis(probabilities, best, axis=1)
        pairs = zip(best.tolist(), values.tolist(), strict=True)
        return [predictions(*pair) for pair in pairs]
