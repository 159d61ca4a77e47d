"""The photos of one message that has several, with a played record, store and model."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from shared.messages import Chunk
from shared.queue.names import QueueName
from tests.unit.worker.processing.conftest import Played, photo
from worker.processing import pipeline
from worker.processing.fault_exit import EXIT_FAULT

COUNT = 12
CHUNK = Chunk("job", 0, COUNT)


@pytest.fixture
def chunk(played: Played) -> Played:
    played.store.uploads = {f"job.{index}": photo() for index in CHUNK.indices}
    return played


def run(played: Played) -> None:
    played.pipeline.run(CHUNK.refs, QueueName.BATCH)
    assert played.activity.entries() == []
    assert played.activity.open_messages(QueueName.BATCH) == 0


def recorded(played: Played) -> list[int]:
    """The items whose results were recorded, in order."""
    return [index for group in played.record.groups for index in group]


def when_read(played: Played, key: str, call: Callable[[], None]) -> None:
    """Does something when a photo is read."""
    real = played.store.get

    def get(wanted: str) -> bytes:
        if wanted == key:
            call()
        return real(wanted)

    played.store.get = get  # type: ignore[method-assign]


def test_each_photo_is_classified_and_its_upload_deleted(chunk: Played) -> None:
    run(chunk)
    assert len(chunk.record.results) == COUNT
    assert all(result.predictions for result in chunk.record.results)
    assert chunk.store.uploads == {}
    assert chunk.activity.finished == COUNT
    assert len(set(chunk.record.tokens)) == 1


def test_results_are_recorded_while_the_model_works_at_others(chunk: Played) -> None:
    recorded_in_time = []

    def later_calls(number: int) -> None:
        if number > 1 and not recorded_in_time:
            held = threading.Event()
            for _ in range(200):
                if chunk.record.groups or held.wait(0.05):
                    break
            recorded_in_time.append(bool(chunk.record.groups))

    chunk.runtime.predict_hook = later_calls
    run(chunk)
    assert recorded_in_time == [True]
    assert recorded(chunk) == list(range(COUNT))


def test_photos_that_cannot_be_decoded_end_alone(chunk: Played) -> None:
    chunk.store.uploads["job.3"] = b"no photo"
    del chunk.store.uploads["job.4"]
    run(chunk)
    failed = [result.error.type for result in chunk.record.results if result.error]
    assert failed == ["/problems/unsupported_media_type", "/problems/upload_lost"]
    assert len(chunk.record.results) == COUNT


def test_what_is_not_begun_when_the_worker_stops_is_left(chunk: Played) -> None:
    when_read(chunk, "job.2", chunk.stopping.set)
    run(chunk)
    assert sorted(recorded(chunk)) == [0, 1, 2]
    assert chunk.record.left == CHUNK.refs[3:]
    assert set(chunk.store.uploads) == {f"job.{index}" for index in range(3, COUNT)}


def test_photos_that_cannot_be_read_before_the_worker_stops_are_left(chunk: Played) -> None:
    def away() -> None:
        chunk.store.errors = [OSError("the store is away")] * COUNT
        chunk.stopping.set()

    chunk.reader._store_within_s = 60  # or it would give the photo up
    when_read(chunk, "job.2", away)
    run(chunk)
    assert sorted(recorded(chunk)) == [0, 1]
    assert chunk.record.left == CHUNK.refs[2:]


def test_a_record_that_cannot_be_read_fails_no_photo_of_a_chunk(chunk: Played) -> None:
    """One of them may be broken: each is tried again by itself."""
    chunk.record.start_errors = [KeyError("upload")]
    run(chunk)
    assert chunk.record.results == []
    assert chunk.record.left == CHUNK.refs


def test_a_faulty_worker_hands_back_what_has_not_ended(chunk: Played) -> None:
    def from_the_second_call(number: int) -> None:
        if number > 1:
            raise RuntimeError("launch failure")

    chunk.runtime.predict_hook = from_the_second_call
    run(chunk)
    assert chunk.exits == [EXIT_FAULT]
    ended = set(recorded(chunk))
    handed_back = {ref.index for ref, _ in chunk.record.handed_back}
    assert ended | handed_back == set(range(COUNT))
    assert not ended & handed_back
    assert sum(suspect for _, suspect in chunk.record.handed_back) == 1


def test_a_stale_chunk_changes_nothing(chunk: Played) -> None:
    chunk.record.stale = True
    run(chunk)
    assert chunk.record.results == []
    assert len(chunk.store.uploads) == COUNT
    assert chunk.activity.finished == 0


@pytest.mark.parametrize("error", [ResponseError("WRONGTYPE"), RuntimeError("not foreseen")])
def test_photos_whose_results_cannot_be_recorded_are_tried_again_by_themselves(
    chunk: Played, error: Exception
) -> None:
    chunk.record.finish_errors = [error]
    run(chunk)
    assert sorted(recorded(chunk) + [ref.index for ref in chunk.record.left]) == [*CHUNK.indices]
    assert chunk.record.left


def test_a_lack_of_memory_at_the_start_ends_the_worker(chunk: Played) -> None:
    """The record may say that its photos are running: another worker's reconciler finds them."""
    chunk.record.start_errors = [MemoryError()]
    run(chunk)
    assert chunk.exits == [EXIT_FAULT]


def test_results_are_recorded_while_maps_are_made(
    chunk: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "RECORD_EVERY_S", 0.02)
    chunk.record.explain = True
    real, pause = chunk.runtime.explain, threading.Event()

    def slowly(photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        pause.wait(0.03)
        return real(photo, classes)

    chunk.runtime.explain = slowly  # type: ignore[method-assign]
    run(chunk)
    assert recorded(chunk) == [*CHUNK.indices]
    assert len(chunk.record.groups) == COUNT
