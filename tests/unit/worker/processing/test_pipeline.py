"""Every way a photo can take through a worker, with a played record, store and model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from shared.records.items import Finish
from tests.unit.worker.processing.conftest import KEY, REF, Played
from worker.imaging.memory_budget import MemoryBudget
from worker.inference.runtime import OutOfMemory
from worker.processing.fault_exit import EXIT_FAULT

BROKEN_SCRIPT = "user_script:35: attempt to concatenate a nil value script: f_1, on @user_script:35"


def raise_from(call: int, error: Exception, until: int = 1_000):  # noqa: ANN201
    """A hook that raises from one call of the model on."""

    def hook(number: int) -> None:
        if call <= number < until:
            raise error

    return hook


def test_a_photo_is_classified_and_its_upload_deleted(played: Played) -> None:
    played.run()
    [result] = played.record.results
    assert result.predictions is not None
    assert [(p.label, p.confidence) for p in result.predictions] == [("b", 0.7), ("a", 0.2)]
    assert result.timing_ms is not None
    assert result.timing_ms.total >= result.timing_ms.queued == 5.0
    assert played.store.uploads == {}
    assert played.activity.entries() == []


def test_a_stale_message_changes_nothing(played: Played) -> None:
    played.record.stale = True
    played.run()
    assert played.record.results == []
    assert KEY in played.store.uploads
    assert played.runtime.calls == 0


@pytest.mark.parametrize(
    ("finish", "deleted"), [(Finish.COUNTED, True), (Finish.ENDED, True), (Finish.STALE, False)]
)
def test_an_upload_stays_while_a_later_attempt_needs_it(
    played: Played, finish: Finish, deleted: bool
) -> None:
    played.record.outcome = finish
    played.run()
    assert (KEY not in played.store.uploads) is deleted


def test_an_upload_that_cannot_be_deleted_is_counted(played: Played) -> None:
    played.store.delete_error = OSError("AccessDenied")
    played.run()
    assert played.end() == "b"
    assert played.metrics.totals()['["classifier_upload_delete_failures_total", {}]'] == 1


def test_a_call_is_repeated_until_redis_answers(played: Played) -> None:
    played.record.start_errors = [RedisConnectionError(), OutOfMemoryError("full")]
    played.record.finish_errors = [RedisConnectionError(), ResponseError("MISCONF disk is full")]
    played.run()
    assert played.end() == "b"
    assert len(set(played.record.tokens)) == 1, "a repeated start is the same run"


@pytest.mark.parametrize(
    "error",
    [
        ResponseError(BROKEN_SCRIPT),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        json.JSONDecodeError("Expecting value", "", 0),
        KeyError("upload"),
        ValueError("'urgent' is not a valid QueueName"),
    ],
)
def test_an_item_whose_record_cannot_be_read_fails(played: Played, error: Exception) -> None:
    played.record.start_errors = [error]
    played.run()
    assert played.end() == "inference_failed"
    assert played.activity.entries() == []


def test_a_record_that_cannot_be_written_holds_no_thread(played: Played) -> None:
    played.record.finish_errors = [ResponseError(BROKEN_SCRIPT)] * 2
    played.run()
    assert played.record.results == []
    assert played.activity.entries() == []


def test_a_worker_that_stops_leaves_the_item_to_another(played: Played) -> None:
    played.record.start_errors = [RedisConnectionError()] * 100
    played.stopping.set()
    played.run()
    assert played.record.results == []


def test_a_missing_photo_ends_as_upload_lost(played: Played) -> None:
    played.store.uploads.clear()
    played.run()
    assert played.end() == "upload_lost"
    assert played.exits == []


def test_a_photo_that_cannot_be_read_ends_as_upload_lost(played: Played) -> None:
    played.store.errors = [OSError("Input/output error")] * 9
    played.run()
    assert played.end() == "upload_lost"
    assert played.exits == []


def test_another_store_than_the_apis_ends_the_worker(played: Played) -> None:
    played.store.uploads.clear()
    played.store.same = False
    played.run()
    assert played.record.results == []
    assert played.exits == [EXIT_FAULT]
    assert played.record.handed_back == [(REF, False)]
    assert played.metrics.totals()['["classifier_worker_faults_total", {"reason": "uploads"}]'] == 1


def test_before_an_api_has_marked_its_store_a_missing_photo_is_lost(played: Played) -> None:
    played.store.uploads.clear()
    played.store.same = None
    played.run()
    assert played.end() == "upload_lost"


def test_a_photo_that_the_model_refuses_fails(played: Played) -> None:
    # the photo, then the known-good one, twice
    def odd_calls(number: int) -> None:
        if number % 2:
            raise ValueError("refused")

    played.runtime.predict_hook = odd_calls
    played.run()
    assert played.end() == "inference_failed"
    assert played.exits == []


@pytest.mark.parametrize(
    ("error", "reason"), [(RuntimeError("launch failure"), "model"), (OutOfMemory("x"), "memory")]
)
def test_a_model_that_fails_for_good_ends_the_worker(
    played: Played, error: Exception, reason: str
) -> None:
    played.runtime.predict_hook = raise_from(1, error)
    played.run()
    assert played.record.results == []
    assert played.exits == [EXIT_FAULT]
    assert played.record.handed_back == [(REF, True)]
    name = f'["classifier_worker_faults_total", {{"reason": "{reason}"}}]'
    assert played.metrics.totals()[name] == 1


def test_a_photo_in_isolation_is_not_blamed_for_a_model_that_failed_before(played: Played) -> None:
    played.runtime.predict_hook = raise_from(1, RuntimeError("launch failure"))
    played.run(alone=True)
    assert played.record.handed_back == [(REF, False)]


def test_a_photo_in_isolation_is_blamed_for_a_model_that_fails_on_it(played: Played) -> None:
    played.runtime.predict_hook = raise_from(2, RuntimeError("launch failure"))
    played.run(alone=True)
    assert played.record.handed_back == [(REF, True)]


def test_maps_with_nan_fail_the_photo(played: Played) -> None:
    played.record.explain = True
    played.runtime.maps_values = [np.nan, 0.5]
    played.run()
    assert played.end() == "inference_failed"
    assert played.exits == []


@pytest.mark.parametrize("alone", [False, True])
def test_maps_that_fail_for_good_end_the_worker(played: Played, *, alone: bool) -> None:
    """In isolation the photo stays suspect: without maps in any worker it has to end, too."""
    played.record.explain = True
    played.runtime.maps_values = [np.nan]
    played.run(alone=alone)
    assert played.record.results == []
    assert played.exits == [EXIT_FAULT]
    assert played.record.handed_back == [(REF, True)]


def test_a_photo_gets_its_maps(played: Played) -> None:
    played.record.explain = True
    played.run()
    [result] = played.record.results
    assert result.predictions is not None
    assert result.predictions[0].heatmap == [[0.5] * 7] * 7


class NoMemory(MemoryBudget):
    """A budget that raises MemoryError as often as told, as a decoder does."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self._failures = failures

    @contextmanager
    def reserve(self, wanted_bytes: int) -> Iterator[None]:
        """See `MemoryBudget.reserve`."""
        with super().reserve(wanted_bytes):
            if self._failures:
                self._failures -= 1
                raise MemoryError
            yield


@pytest.mark.parametrize(("failures", "end"), [(1, "b"), (2, "invalid_image")])
def test_a_decoder_without_memory_is_tried_again(played: Played, failures: int, end: str) -> None:
    """Pillow raises MemoryError for some corrupt photos, however much memory there is."""
    played.classifier.memory = NoMemory(failures)
    played.run()
    assert played.end() == end
    assert played.exits == []


def test_a_lack_of_memory_is_the_workers_fault(played: Played) -> None:
    played.classifier.memory = NoMemory(1)
    played.classifier.least_decode_bytes = 1 << 60
    played.run()
    assert played.record.results == []
    assert played.exits == [EXIT_FAULT]


@pytest.mark.parametrize("data", [b"", b"no photo"])
def test_a_bad_photo_ends_with_its_reason(played: Played, data: bytes) -> None:
    played.store.uploads[KEY] = data
    played.run()
    assert played.end() == "unsupported_media_type"


def test_a_photo_whose_result_cannot_be_recorded_is_tried_again_alone(played: Played) -> None:
    played.record.finish_errors = [RuntimeError("not foreseen")]
    played.run()
    assert played.record.handed_back == [(REF, True)]
    assert played.activity.entries() == []
