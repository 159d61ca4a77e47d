"""Records as clients see them."""

import json
from dataclasses import replace

import pytest

from api.http.schemas import Job, JobItem, item_json, job_json
from api.jobs.snapshots import as_created
from shared.errors import InvalidImage
from shared.messages import (
    Concept,
    ItemResult,
    ItemState,
    JobState,
    ModelInfo,
    Prediction,
    Problem,
    TimingMs,
)
from shared.queue.names import QueueName
from shared.records.jobs import ItemRecord
from shared.records.new_job import NewItem, NewJob

REFUSED = Problem.of(InvalidImage("Cut off."))


def new_job(good: int, bad: int) -> NewJob:
    items = [NewItem(f"{at}.jpg", f"id.{at}") for at in range(good)]
    items += [NewItem(None, None, REFUSED) for _ in range(bad)]
    return NewJob(job_id="id", queue=QueueName.BATCH, top_k=3, items=items)


def test_a_job_that_cannot_be_read_is_shown_as_it_was_created() -> None:
    record = as_created(new_job(3, 2), limit=4)
    assert record.counts[ItemState.QUEUED] == 3
    assert record.counts[ItemState.FAILED] == 2
    assert sum(record.counts.values()) == record.total == 5
    assert record.status is JobState.RUNNING
    assert [item.status.value for item in record.items] == ["queued"] * 3 + ["failed"]
    assert as_created(new_job(1, 0)).status is JobState.QUEUED


def test_items_omit_absent_fields_and_jobs_have_every_field() -> None:
    job = json.loads(Job.of(as_created(new_job(1, 1), limit=2), 0, 2).model_dump_json())
    assert set(job) == {
        "job_id", "status", "created_at", "finished_at", "expires_at", "counts", "items", "next",
    }  # fmt: skip
    queued, failed = job["items"]
    assert queued == {"index": 0, "filename": "0.jpg", "status": "queued"}
    assert failed["error"]["type"] == "/problems/invalid_image"


def test_every_time_has_milliseconds() -> None:
    record = as_created(new_job(1, 0), limit=1)
    for ms, text in ((0, "00.000"), (100, "00.100"), (59_999, "59.999")):
        record = replace(record, created_ms=ms, finished_ms=60_000 + ms, expires_ms=120_000 + ms)
        job = json.loads(Job.of(record, 0, 1).model_dump_json())
        assert job["created_at"] == f"1970-01-01T00:00:{text}Z"
        assert job["finished_at"] == f"1970-01-01T00:01:{text}Z"
        assert job["expires_at"] == f"1970-01-01T00:02:{text}Z"


def test_next_is_there_until_the_last_page() -> None:
    record = as_created(new_job(25, 0), limit=10)
    assert Job.of(record, 0, 10).next == "/jobs/id?offset=10&limit=10"
    assert Job.of(record, 10, 10).next == "/jobs/id?offset=20&limit=10"
    assert Job.of(record, 20, 10).next is None
    assert Job.of(record, 15, 10).next is None


SUCCEEDED = ItemResult(
    concept=Concept(label="domestic cat", wnid="n02121808", confidence=0.97),
    predictions=[
        Prediction(label="Schloß", wnid="n03877845", class_index=1, confidence=0.1),
        Prediction(label="cat", class_index=2, confidence=1e-06, heatmap=[[0.5, -1.0]]),
    ],
    model=ModelInfo(name="m", weights="w", sha256="s", device="cpu", precision="bf16"),
    timing_ms=TimingMs(queued=0.1, decode=3, inference=38.8, total=42.0),
)
RESULTS = {
    "a concept": (ItemState.SUCCEEDED, SUCCEEDED),
    "no concept": (ItemState.SUCCEEDED, SUCCEEDED.model_copy(update={"concept": None})),
    "no classes": (ItemState.SUCCEEDED, SUCCEEDED.model_copy(update={"predictions": []})),
    "an error": (ItemState.FAILED, ItemResult(error=REFUSED)),
    "no result yet": (ItemState.RUNNING, None),
}


def stored(index: int, status: ItemState, result: ItemResult | None) -> ItemRecord:
    text = result.model_dump_json(exclude_none=True) if result else None
    return ItemRecord(index, 'a "quoted\\" name,\x7f', "key", status, text)


@pytest.mark.parametrize(("status", "result"), RESULTS.values(), ids=RESULTS)
def test_a_stored_result_is_the_items_byte_for_byte(
    status: ItemState, result: ItemResult | None
) -> None:
    item = stored(3, status, result)
    assert item_json(item) == JobItem.of(item).model_dump_json()


@pytest.mark.parametrize("change", [{"new_field": 1}, {"error": None}])
def test_a_result_in_another_form_is_written_in_this_one(change: dict[str, object]) -> None:
    item = stored(0, ItemState.SUCCEEDED, SUCCEEDED)
    text = json.dumps(json.loads(item.stored or "") | change)
    found = json.loads(item_json(replace(item, stored=text)))
    assert found == json.loads(item_json(item))


@pytest.mark.parametrize("limit", [2, 5])
def test_a_job_is_written_byte_for_byte_as_its_model(limit: int) -> None:
    items = [stored(at, *each) for at, each in enumerate(RESULTS.values())]
    record = replace(as_created(new_job(5, 0), 0), items=items)
    assert job_json(record, 0, limit) == Job.of(record, 0, limit).model_dump_json()
