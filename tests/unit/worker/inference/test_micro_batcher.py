"""The micro-batcher with runtimes that do what a test needs; no model."""

import threading

import pytest

from shared.queue.names import QueueName
from tests.support.fake_runtime import FakeRuntime, Held, photo, running, sound
from worker.inference import waiting_photos
from worker.inference.micro_batcher import MicroBatcher
from worker.inference.runtime import OutOfMemory

BATCH, INTERACTIVE = QueueName.BATCH, QueueName.INTERACTIVE


def test_every_photo_gets_its_own_row() -> None:
    with running(FakeRuntime()) as batcher:
        futures = [batcher.submit(photo(n), BATCH) for n in range(50)]
        assert [future.result(10)[0] for future in futures] == list(range(50))


def test_photos_that_wait_for_the_model_form_one_batch_up_to_the_limit() -> None:
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
    assert runtime.batches[2] == [5, 6, 7, 8]
    assert runtime.batches[3][0] == 101, "a batch's photo after four requests"


@pytest.mark.parametrize(
    ("device", "recent_s", "batches"),
    [
        ("cpu", 1e9, [[1, 2], [100, 101], [102, 103], [104]]),
        ("cpu", 0, [[1, 2], [100, 101, 102, 103], [104]]),
        ("cuda:0", 1e9, [[1, 2, 100, 101], [102, 103, 104]]),
    ],
)
def test_beside_requests_a_processor_has_shorter_calls(
    device: str, recent_s: float, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_photos, "RECENT_S", recent_s)
    held = Held()
    runtime = FakeRuntime(held)
    runtime.device = device
    with running(runtime, max_batch_size=4) as batcher:
        futures = [batcher.submit(photo(0), BATCH)]
        assert held.inside.wait(10)
        futures += [batcher.submit(photo(100 + n), BATCH) for n in range(5)]
        futures += [batcher.submit(photo(n), INTERACTIVE) for n in (1, 2)]
        held.release.set()
        for future in futures:
            future.result(10)
    assert runtime.batches[1:] == batches


def test_many_waiting_photos_are_shared_among_free_threads() -> None:
    together = threading.Barrier(2)
    runtime = FakeRuntime(lambda _: together.wait(10) and None, concurrency=2, best_batch=1)
    with running(runtime) as batcher:
        futures = [batcher.submit(photo(n), BATCH) for n in range(2)]
        assert [future.result(10)[0] for future in futures] == [0, 1]
    assert [len(batch) for batch in runtime.batches] == [1, 1]


def test_stop_finishes_what_waits() -> None:
    held = Held()
    batcher = MicroBatcher(FakeRuntime(held), 1, sound)
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
