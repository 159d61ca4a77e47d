"""The micro-batcher with runtimes that do what a test needs; no model."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.queue.names import QueueName
from worker.inference.batcher import MicroBatcher
from worker.inference.runtime import OutOfMemory

BATCH, INTERACTIVE = QueueName.BATCH, QueueName.INTERACTIVE


def photo(value: int) -> NDArray[np.uint8]:
    return np.full((2, 2, 3), value, np.uint8)


class FakeRuntime:
    """Answers each photo with its own first pixel, after what ``before`` does with the batch."""

    name, device, precision = "fake", "cpu", "fp32"
    best_batch = 8

    def __init__(
        self, before: Callable[[list[int]], None] = lambda _: None, concurrency: int = 1
    ) -> None:
        self.concurrency = concurrency
        self.batches: list[list[int]] = []
        self._before = before

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = [int(value) for value in batch[:, 0, 0, 0]]
        self.batches.append(values)
        self._before(values)
        return np.array([[value] for value in values], np.float32)

    def warm_up(self, sizes: Iterable[int]) -> None:
        raise AssertionError(f"the batcher does not warm up: {sizes}")


@contextmanager
def running(runtime: FakeRuntime, max_batch_size: int = 8) -> Iterator[MicroBatcher]:
    batcher = MicroBatcher(runtime, max_batch_size)
    batcher.start()
    yield batcher
    batcher.stop()


class Held:
    """Holds the model inside its first call until released, so that photos pile up behind it."""

    def __init__(self) -> None:
        self.inside, self.release = threading.Event(), threading.Event()

    def __call__(self, _: list[int]) -> None:
        self.inside.set()
        assert self.release.wait(10)


def test_every_photo_gets_its_own_row() -> None:
    with running(FakeRuntime()) as batcher:
        futures = [batcher.submit(photo(n), BATCH) for n in range(50)]
        assert [future.result(10)[0] for future in futures] == list(range(50))


def test_what_waits_while_the_model_is_busy_travels_together_up_to_the_limit() -> None:
    held = Held()
    runtime = FakeRuntime(held)
    with running(runtime, max_batch_size=8) as batcher:
        first = batcher.submit(photo(0), BATCH)
        assert held.inside.wait(10)
        rest = [batcher.submit(photo(n), BATCH) for n in range(1, 13)]
        held.release.set()
        for future in [first, *rest]:
            future.result(10)
    assert [len(batch) for batch in runtime.batches] == [1, 8, 4]


def test_waiting_requests_go_first_and_batches_still_get_a_turn() -> None:
    held = Held()
    runtime = FakeRuntime(held)
    with running(runtime, max_batch_size=5) as batcher:
        futures = [batcher.submit(photo(0), BATCH)]
        assert held.inside.wait(10)
        futures += [batcher.submit(photo(100 + n), BATCH) for n in range(5)]
        futures += [batcher.submit(photo(n), INTERACTIVE) for n in range(1, 9)]
        held.release.set()
        for future in futures:
            future.result(10)
    assert runtime.batches[1] == [1, 2, 3, 4, 100]
    assert runtime.batches[2] == [5, 6, 7, 8, 101]


def test_one_bad_photo_never_fails_its_neighbours() -> None:
    held = Held()

    def refuse_13(values: list[int]) -> None:
        if not held.release.is_set():
            held(values)
        if 13 in values:
            raise ValueError("13")

    with running(FakeRuntime(refuse_13)) as batcher:
        first = batcher.submit(photo(0), BATCH)
        assert held.inside.wait(10)
        rest = {n: batcher.submit(photo(n), BATCH) for n in (11, 12, 13, 14)}
        held.release.set()
        first.result(10)
        with pytest.raises(ValueError, match="13"):
            rest[13].result(10)
        assert [rest[n].result(10)[0] for n in (11, 12, 14)] == [11, 12, 14]


def test_out_of_memory_halves_the_batch_and_remembers() -> None:
    held = Held()

    def at_most_two(values: list[int]) -> None:
        if not held.release.is_set():
            held(values)
        if len(values) > 2:
            raise OutOfMemory("too many")

    runtime = FakeRuntime(at_most_two)
    with running(runtime, max_batch_size=8) as batcher:
        futures = [batcher.submit(photo(0), BATCH)]
        assert held.inside.wait(10)
        futures += [batcher.submit(photo(n), BATCH) for n in range(1, 13)]
        held.release.set()
        assert [future.result(10)[0] for future in futures] == list(range(13))
    sizes = [len(batch) for batch in runtime.batches]
    assert sizes == [1, 8, 4, 2, 2, 4, 2, 2, 2, 2]


def test_a_runtime_that_answers_too_few_rows_fails_its_photos_instead_of_mixing_them_up() -> None:
    class Short(FakeRuntime):
        def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
            return super().predict(batch)[:0]

    with running(Short()) as batcher:
        future = batcher.submit(photo(1), BATCH)
        with pytest.raises(ValueError, match="shorter"):
            future.result(10)


def test_a_crowd_is_shared_out_over_free_threads() -> None:
    together = threading.Barrier(2)
    runtime = FakeRuntime(lambda _: together.wait(10) and None, concurrency=2)
    with running(runtime) as batcher:
        futures = [batcher.submit(photo(n), BATCH) for n in range(2)]
        assert [future.result(10)[0] for future in futures] == [0, 1]
    assert [len(batch) for batch in runtime.batches] == [1, 1]


def test_stop_finishes_what_waits() -> None:
    held = Held()
    batcher = MicroBatcher(FakeRuntime(held), 1)
    batcher.start()
    futures = [batcher.submit(photo(n), BATCH) for n in range(3)]
    assert held.inside.wait(10)
    held.release.set()
    batcher.stop()
    assert [future.result(0)[0] for future in futures] == [0, 1, 2]
