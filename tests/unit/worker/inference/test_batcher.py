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
from worker.inference.self_check import SelfCheck, WorkerFault

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


class Sound:
    """A known-good photo that never fails."""

    def run(self, *, photo_suspect: bool = True) -> None:
        """The model works."""


@contextmanager
def running(
    runtime: FakeRuntime, max_batch_size: int = 8, self_check: SelfCheck | None = None
) -> Iterator[MicroBatcher]:
    batcher = MicroBatcher(runtime, max_batch_size, self_check or Sound())
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
        with pytest.raises(ValueError, match="0 rows for 1 photos"):
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
    batcher = MicroBatcher(FakeRuntime(held), 1, Sound())
    batcher.start()
    futures = [batcher.submit(photo(n), BATCH) for n in range(3)]
    assert held.inside.wait(10)
    held.release.set()
    batcher.stop()
    assert [future.result(0)[0] for future in futures] == [0, 1, 2]


class Timer:
    """Remembers how many photos are timed at once, and how often this one was."""

    running = 0

    def __init__(self) -> None:
        self.calls = 0

    def begin(self) -> None:
        self.calls += 1
        Timer.running += 1

    def end(self) -> None:
        Timer.running -= 1


def test_after_a_failed_batch_only_the_photo_in_the_model_is_timed() -> None:
    held, timed = Held(), []

    def refuse_batches(values: list[int]) -> None:
        if not held.release.is_set():
            held(values)
        timed.append((len(values), Timer.running))
        if len(values) > 1:
            raise ValueError("no batches")

    timers = [Timer() for _ in range(5)]
    with running(FakeRuntime(refuse_batches)) as batcher:
        futures = [batcher.submit(photo(0), BATCH, timers[0])]
        assert held.inside.wait(10)
        futures += [batcher.submit(photo(n), BATCH, timers[n]) for n in range(1, 5)]
        held.release.set()
        for future in futures:
            future.result(10)
    assert timed == [(1, 1), (4, 4), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert Timer.running == 0
    assert [timer.calls for timer in timers] == [1, 2, 2, 2, 2]


def test_halves_that_wait_are_not_timed() -> None:
    held, timed = Held(), []

    def at_most_two(values: list[int]) -> None:
        if not held.release.is_set():
            held(values)
        timed.append((len(values), Timer.running))
        if len(values) > 2:
            raise OutOfMemory("too many")

    with running(FakeRuntime(at_most_two)) as batcher:
        futures = [batcher.submit(photo(0), BATCH, Timer())]
        assert held.inside.wait(10)
        futures += [batcher.submit(photo(n), BATCH, Timer()) for n in range(1, 5)]
        held.release.set()
        for future in futures:
            future.result(10)
    assert timed == [(1, 1), (4, 4), (2, 2), (2, 2)]


class BreaksOn(FakeRuntime):
    """Every call fails after one with ``value``, or gives what is no number."""

    def __init__(self, value: int, *, nan: bool = False) -> None:
        super().__init__()
        self._value, self._nan, self._broken = value, nan, False

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = super().predict(batch)
        self._broken |= self._value in rows
        if self._broken and not self._nan:
            raise RuntimeError("unspecified launch failure")
        return np.full_like(rows, np.nan) if self._broken else rows


@pytest.mark.parametrize("nan", [False, True])
def test_a_model_that_fails_a_known_good_photo_is_the_workers_fault(nan: bool) -> None:
    runtime = BreaksOn(7, nan=nan)
    with running(runtime, self_check=SelfCheck(runtime, 2)) as batcher:
        assert batcher.submit(photo(6), BATCH).result(10) == [6]
        for value in (7, 8):
            with pytest.raises(WorkerFault, match="known-good photo fails"):
                batcher.submit(photo(value), BATCH).result(10)


def test_a_lack_of_memory_for_one_known_good_photo_is_the_workers_fault() -> None:
    def nothing_fits(values: list[int]) -> None:
        raise OutOfMemory(str(values))

    runtime = FakeRuntime(nothing_fits)
    with (
        running(runtime, self_check=SelfCheck(runtime, 2)) as batcher,
        pytest.raises(WorkerFault, match="memory"),
    ):
        batcher.submit(photo(1), BATCH).result(10)


def test_a_failure_that_passes_fails_no_photo() -> None:
    failures = iter([ValueError("once")])

    def fail_once(values: list[int]) -> None:
        if values == [1]:
            for error in failures:
                raise error

    with running(FakeRuntime(fail_once)) as batcher:
        assert batcher.submit(photo(1), BATCH).result(10) == [1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_photo_whose_answer_is_no_number_fails_and_its_neighbours_do_not(value: float) -> None:
    class OneIsNoNumber(FakeRuntime):
        def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
            rows = super().predict(batch)
            return np.where(rows == 13, value, rows).astype(np.float32)

    held = Held()
    runtime = OneIsNoNumber(lambda values: None if held.release.is_set() else held(values))
    with running(runtime, self_check=SelfCheck(FakeRuntime(), 2)) as batcher:
        first = batcher.submit(photo(0), BATCH)
        assert held.inside.wait(10)
        rest = {n: batcher.submit(photo(n), BATCH) for n in (12, 13, 14)}
        held.release.set()
        first.result(10)
        with pytest.raises(ValueError, match="not finite"):
            rest[13].result(10)
        assert [rest[n].result(10)[0] for n in (12, 14)] == [12, 14]
