"""Where photos share calls: when a call has all cores, and when two calls have a core each."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread

import pytest

from shared.queue.names import QueueName
from tests.support.fake_runtime import FakeRuntime, photo, running, sound
from worker.inference.micro_batcher import MicroBatcher
from worker.inference.runtime import OutOfMemory

BATCH, INTERACTIVE = QueueName.BATCH, QueueName.INTERACTIVE
# In this time a call that may begin has begun.
SHORT_S = 0.3


class Model:
    """Two cores on which up to four photos share a call; a call ends when a test says so."""

    def __init__(self) -> None:
        self.began: SimpleQueue[list[int]] = SimpleQueue()
        self.fails, self.most = False, 4
        self._may_end = {number: Event() for number in range(200)}
        self.runtime = FakeRuntime(self._call, concurrency=2, best_batch=4)

    def _call(self, values: list[int]) -> None:
        self.began.put(values)
        if len(values) > self.most:
            raise OutOfMemory("the test says so")
        assert self._may_end[values[0]].wait(20)
        if self.fails:
            raise ValueError("the test says so")

    def end(self, *values: int) -> None:
        """Let the calls end that begin with these photos."""
        for value in values:
            self._may_end[value].set()

    def next(self) -> list[int]:
        """The photos of the next call; it may already have begun."""
        return self.began.get(timeout=10)

    def waits(self) -> bool:
        try:
            return not self.began.get(timeout=SHORT_S)
        except Empty:
            return True


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def batcher(model: Model) -> Iterator[MicroBatcher]:
    with running(model.runtime, max_batch_size=4) as batcher:
        yield batcher
        model.end(*range(200))


def submit(batcher: MicroBatcher, *values: int, queue: QueueName = INTERACTIVE) -> None:
    for value in values:
        batcher.submit(photo(value), queue)


def test_a_call_is_by_itself_until_two_full_ones_wait(model: Model, batcher: MicroBatcher) -> None:
    submit(batcher, 0)
    assert model.next() == [0]
    submit(batcher, *range(1, 8))
    assert model.waits(), "seven are not two full calls"
    submit(batcher, 8)
    assert model.next() == [1, 2, 3, 4]
    model.end(1)
    assert model.waits(), "the first call still has all cores, and only four wait"


def test_calls_have_a_core_each_as_long_as_requests_wait(
    model: Model, batcher: MicroBatcher
) -> None:
    submit(batcher, 0)
    assert model.next() == [0]
    submit(batcher, *range(1, 10))
    assert model.next() == [1, 2, 3, 4]
    model.end(0)
    assert model.next() == [5, 6, 7, 8], "beside the call of a core"
    model.end(1)
    assert model.next() == [9], "does not wait for company"
    submit(batcher, 100, queue=BATCH)
    model.end(5)
    assert model.waits(), "a batch's photo does not"
    model.end(9)
    assert model.next() == [100], "once no other call runs"
    submit(batcher, 10)
    assert model.waits(), "a call that began by itself has all cores again"


def test_photos_of_batches_by_themselves_run_in_one_call(
    model: Model, batcher: MicroBatcher
) -> None:
    submit(batcher, *range(20), queue=BATCH)
    first = model.next()
    assert model.waits()
    submit(batcher, 20)
    assert model.waits(), "nor with a request"
    model.end(*first)
    assert model.next() == [20]


def test_a_batch_has_its_share_of_calls_of_a_core(model: Model, batcher: MicroBatcher) -> None:
    submit(batcher, 0)
    assert model.next() == [0]
    submit(batcher, 100, 101, queue=BATCH)
    submit(batcher, *range(1, 9))
    assert model.next() == [1, 2, 3, 100], "after four requests"
    model.end(0)
    assert model.next() == [4, 5, 6, 7]
    model.end(1)
    assert model.next() == [101]


def test_after_calls_that_failed_beside_each_other_a_batch_goes_on(
    model: Model, batcher: MicroBatcher
) -> None:
    model.fails = True
    futures = [batcher.submit(photo(0), INTERACTIVE)]
    assert model.next() == [0]
    futures += [batcher.submit(photo(n), INTERACTIVE) for n in range(1, 9)]
    assert model.next() == [1, 2, 3, 4]
    model.end(*range(9))
    assert all(isinstance(future.exception(10), ValueError) for future in futures)
    model.fails = False
    submit(batcher, 100, queue=BATCH)
    while model.next() != [100]:  # calls of before
        pass


def test_where_only_one_photo_fits_a_call_each_has_a_core(
    model: Model, batcher: MicroBatcher
) -> None:
    model.most = 1
    futures = [batcher.submit(photo(0), INTERACTIVE)]
    assert model.next() == [0]
    futures += [batcher.submit(photo(n), INTERACTIVE) for n in (1, 2)]
    model.end(0, 1, 2)
    for future in futures:
        future.result(10)
    while model.began.qsize():
        model.next()
    submit(batcher, 10, 11)
    assert sorted([model.next(), model.next()]) == [[10], [11]]


def test_stop_finishes_what_waits_beside_a_call(model: Model) -> None:
    batcher = MicroBatcher(model.runtime, 4, sound)
    batcher.start()
    futures = [batcher.submit(photo(n), INTERACTIVE) for n in range(7)]
    first = model.next()
    stopping = Thread(target=batcher.stop)
    stopping.start()
    assert model.next()[0] == len(first), "beside the call"
    model.end(*range(7))
    stopping.join(10)
    assert [future.result(10)[0] for future in futures] == list(range(7))
