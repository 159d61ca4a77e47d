"""What fails in a batch: one photo, the memory, or the worker."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.queue.names import QueueName
from tests.support.fake_runtime import FakeRuntime, Held, photo, running
from worker.inference.runtime import OutOfMemory, WorkerFault
from worker.processing.self_check import SelfCheck

BATCH = QueueName.BATCH


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
    with running(runtime, self_check=SelfCheck(runtime, 2).run) as batcher:
        assert batcher.submit(photo(6), BATCH).result(10) == [6]
        for value in (7, 8):
            with pytest.raises(WorkerFault, match="known-good photo fails"):
                batcher.submit(photo(value), BATCH).result(10)


def test_a_lack_of_memory_for_one_known_good_photo_is_the_workers_fault() -> None:
    def nothing_fits(values: list[int]) -> None:
        raise OutOfMemory(str(values))

    runtime = FakeRuntime(nothing_fits)
    with (
        running(runtime, self_check=SelfCheck(runtime, 2).run) as batcher,
        pytest.raises(WorkerFault, match="memory"),
    ):
        batcher.submit(photo(1), BATCH).result(10)


def test_a_photo_that_does_not_fit_by_itself_is_never_at_fault() -> None:
    """All photos take the same memory: if the known-good one fits, there is more memory by then."""

    def does_not_fit(values: list[int]) -> None:
        if values == [1]:
            raise OutOfMemory("another process has it")

    with (
        running(FakeRuntime(does_not_fit)) as batcher,
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
    with running(runtime, self_check=SelfCheck(FakeRuntime(), 2).run) as batcher:
        first = batcher.submit(photo(0), BATCH)
        assert held.inside.wait(10)
        rest = {n: batcher.submit(photo(n), BATCH) for n in (12, 13, 14)}
        held.release.set()
        first.result(10)
        with pytest.raises(ValueError, match="not finite"):
            rest[13].result(10)
        assert [rest[n].result(10)[0] for n in (12, 14)] == [12, 14]
