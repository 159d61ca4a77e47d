"""A record that is known without reading it."""

import pytest

from api.jobs.snapshots import as_created, as_ended
from shared.messages import ItemResult, ItemState, JobState, Prediction
from shared.queue.names import QueueName
from shared.records.jobs import NewItem, NewJob

JOB = NewJob("0" * 32, QueueName.INTERACTIVE, 3, [NewItem("cat.jpg", "0.0")])
RESULT = ItemResult(predictions=[Prediction(label="cat", class_index=1, confidence=0.5)])


def test_a_published_end_is_the_record() -> None:
    record = as_ended(JOB, "succeeded " + RESULT.model_dump_json())
    assert record
    assert (record.status, record.counts[ItemState.SUCCEEDED]) == (JobState.COMPLETED, 1)
    assert sum(record.counts.values()) == record.total == 1
    assert record.finished_ms
    [item] = record.items
    assert (item.filename, item.status, item.result) == ("cat.jpg", ItemState.SUCCEEDED, RESULT)


@pytest.mark.parametrize("words", ["", "done {}", 'succeeded {"predictions": 1}', "succeeded {"])
def test_the_words_of_another_version_have_the_record_read(words: str) -> None:
    assert as_ended(JOB, words) is None


def test_a_job_as_created_waits() -> None:
    assert as_created(JOB).status is JobState.QUEUED
