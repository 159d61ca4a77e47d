"""The answer to a photo, from what its worker published."""

import json

import pytest

from api.http.schemas import PredictAnswer
from api.routes.predict import published_answer
from shared.messages import Concept, ItemResult, ItemState, ModelInfo, Prediction, TimingMs
from shared.queue.names import QueueName
from shared.records.jobs import ItemRecord
from shared.records.new_job import NewItem, NewJob

JOB_ID = "0" * 32
RESULT = ItemResult(
    predictions=[
        Prediction(label="Schloß", wnid="n03877845", class_index=1, confidence=0.1),
        Prediction(label="cat", class_index=2, confidence=1e-06, heatmap=[[0.5, -1.0]]),
    ],
    model=ModelInfo(name="m", weights="w", sha256="s", device="cpu", precision="bf16"),
    timing_ms=TimingMs(queued=0.1, decode=3, inference=38.8, total=42.0),
)


NAMED = RESULT.model_copy(
    update={"concept": Concept(label="domestic cat", wnid="n02121808", confidence=0.97)}
)


def published(result: ItemResult) -> str:
    """As `shared.records.items.ItemStore.finish` and the script write it."""
    return "succeeded " + result.model_dump_json(exclude_none=True)


def job(filename: str | None) -> NewJob:
    return NewJob(JOB_ID, QueueName.INTERACTIVE, 3, [NewItem(filename, f"{JOB_ID}.0")])


@pytest.mark.parametrize(
    "filename", ["cat.jpg", None, 'a "quoted\\" name', "\U0001f408\u200d,\x7f"]
)
@pytest.mark.parametrize("result", [RESULT, NAMED], ids=["no concept", "concept"])
def test_a_published_result_is_the_answer_byte_for_byte(
    filename: str | None, result: ItemResult
) -> None:
    item = ItemRecord(0, filename, None, ItemState.SUCCEEDED)
    answer = PredictAnswer.of(JOB_ID, item, result).model_dump_json()
    assert published_answer(job(filename), published(result)) == answer.encode()
    assert ("concept" in json.loads(answer)) is (result is NAMED)


@pytest.mark.parametrize(
    "ended",
    [
        "",
        "done {}",
        "cancelled ",
        'failed {"error": {}}',
        "succeeded",
        "succeeded {",
        "succeeded {}",
        "succeeded 1",
        'succeeded ["predictions","model","timing_ms"]',
        'succeeded {"predictions":[]}',
        'succeeded {"model":{},"predictions":[],"timing_ms":{}}',
        'succeeded {"predictions":[],"model":{},"timing_ms":{},"new":1}',
    ],
)
def test_another_end_or_another_version_has_the_record_read(ended: str) -> None:
    assert published_answer(job("cat.jpg"), ended) is None
