"""A runtime without a model, whose results a test chooses, and a micro-batcher with it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from worker.inference.micro_batcher import MicroBatcher


def photo(value: int) -> NDArray[np.uint8]:
    return np.full((2, 2, 3), value, np.uint8)


class FakeRuntime:
    """Returns the first pixel of each photo, after it has called ``before`` with the batch."""

    name, device, precision = "fake", "cpu", "fp32"

    def __init__(
        self,
        before: Callable[[list[int]], None] = lambda _: None,
        concurrency: int = 1,
        best_batch: int = 8,
    ) -> None:
        self.concurrency, self.best_batch = concurrency, best_batch
        self.batches: list[list[int]] = []
        self._before = before

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = [int(value) for value in batch[:, 0, 0, 0]]
        self.batches.append(values)
        self._before(values)
        return np.array([[value] for value in values], np.float32)

    def warm_up(self, sizes: Iterable[int]) -> None:
        raise AssertionError(f"the batcher does not warm up: {sizes}")


def sound() -> None:
    """A self-check that always succeeds."""


@contextmanager
def running(
    runtime: FakeRuntime, max_batch_size: int = 8, self_check: Callable[[], None] = sound
) -> Iterator[MicroBatcher]:
    batcher = MicroBatcher(runtime, max_batch_size, self_check)
    batcher.start()
    yield batcher
    batcher.stop()


class Held:
    """Blocks the first call of the model until it is released, so that photos wait."""

    def __init__(self) -> None:
        self.inside, self.release = threading.Event(), threading.Event()

    def __call__(self, _: list[int]) -> None:
        self.inside.set()
        assert self.release.wait(10)
