"""One photo over real HTTP and real Redis; the worker is played."""

import base64
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from shared.errors import InvalidImage, WorkerLost
from shared.messages import ItemResult, Problem
from shared.records.items import StartedItem
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import MODEL, PlayedWorker, name_all, succeed
from tests.support.served import eventually

PHOTO = jpeg()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
IN_TEXT = base64.b64encode(PHOTO).decode()


FORMS = {
    "a form field": {"files": {"file": ("../a/cat.jpg", PHOTO)}},
    "the raw body": {"content": PHOTO, "headers": {"content-type": "image/jpeg"}},
    "a raw body under a wrong header": {
        "content": PHOTO,
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "a raw body said to be a form": {
        "content": PHOTO,
        "headers": {"content-type": "multipart/form-data; boundary=x"},
    },
    "base64 in JSON": {"json": {"image": IN_TEXT}},
    "wrapped base64": {"json": {"image": base64.encodebytes(PHOTO).decode()}},
    "a data: URI": {"json": {"image": f"data:image/jpeg;base64,{IN_TEXT}"}},
    "JSON under no header": {"content": b' {"image": "%s"}' % IN_TEXT.encode()},
}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_photo_is_answered_in_every_form(client: httpx.Client, form: dict[str, object]) -> None:
    answer = client.post("/predict", **form)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"job_id", "filename", "status", "predictions", "model", "timing_ms"}
    assert body["filename"] == ("cat.jpg" if "files" in form else None)
    assert body["status"] == "succeeded"
    assert [found["class_index"] for found in body["predictions"]] == [0, 1, 2]
    assert body["model"] == MODEL.model_dump()


def test_the_worker_reads_the_bytes_that_were_sent(api: ApiProcess, worker: PlayedWorker) -> None:
    read: list[bytes] = []
    answer = worker.answer

    def remember(item: object) -> ItemResult | None:
        read.append((api.uploads / item.upload_key).read_bytes())  # type: ignore[attr-defined]
        return answer(item)  # type: ignore[arg-type]

    worker.answer = remember
    assert api.client.post("/predict", files={"file": PHOTO}).status_code == 200
    assert api.client.post("/predict", content=PNG).status_code == 200
    assert read == [PHOTO, PNG]


def test_an_imagenet_answer_has_ids_and_a_concept(
    client: httpx.Client, worker: PlayedWorker
) -> None:
    worker.answer = name_all
    body = client.post("/predict", content=PHOTO).json()
    assert body["concept"] == {"label": "domestic cat", "wnid": "n02121808", "confidence": 0.97}
    assert [found["wnid"] for found in body["predictions"]] == [f"n{at:08}" for at in range(3)]
    item = client.get(f"/jobs/{body['job_id']}").json()["items"][0]
    assert item["concept"] == body["concept"]
    assert item["predictions"] == body["predictions"]


@pytest.mark.parametrize("path", ["/predict", "/jobs"])
def test_the_least_confidence_reaches_the_worker(
    client: httpx.Client, worker: PlayedWorker, path: str
) -> None:
    asked: list[float] = []

    def none(item: StartedItem) -> ItemResult:
        asked.append(item.min_confidence)
        return succeed(item).model_copy(update={"predictions": []})

    worker.answer = none
    field = "file" if path == "/predict" else "files"
    answer = client.post(f"{path}?min_confidence=0.25&top_k=2", files={field: PHOTO}).json()
    where = f"/jobs/{answer['job_id']}"
    eventually(lambda: client.get(where).json()["finished_at"] is not None, 10)
    item = client.get(where).json()["items"][0]
    assert (item["status"], item["predictions"]) == ("succeeded", [])
    assert answer.get("predictions", []) == []
    assert asked == [0.25]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", ["/predict", "/jobs"])
@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "inf", "much", ""])
def test_a_least_confidence_that_is_none_is_refused(
    client: httpx.Client, path: str, value: str
) -> None:
    answer = client.post(f"{path}?min_confidence={value}", content=PHOTO)
    assert answer.status_code == 422
    assert slug(answer) == "invalid_parameter"
    assert answer.json()["detail"].startswith("min_confidence: Input should be")


@pytest.mark.usefixtures("worker")
def test_top_k_reaches_the_worker(client: httpx.Client) -> None:
    answer = client.post("/predict?top_k=7", content=PHOTO)
    assert len(answer.json()["predictions"]) == 7


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", ["/predict", "/jobs"])
def test_a_model_without_maps_cannot_explain(client: httpx.Client, path: str) -> None:
    answer = client.post(f"{path}?explain=true", content=PHOTO)
    assert answer.status_code == 422
    assert slug(answer) == "invalid_parameter"
    assert "without explain=true" in answer.json()["detail"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", ["/predict", "/jobs"])
def test_maps_are_for_few_classes(client: httpx.Client, path: str) -> None:
    """100 for each photo of a large job would fill Redis."""
    answer = client.post(f"{path}?explain=true&top_k=11", content=PHOTO)
    assert answer.status_code == 422
    assert slug(answer) == "invalid_parameter"
    assert answer.json()["detail"].startswith("top_k: may be at most 10 with explain=true")


def test_explain_reaches_the_worker_and_its_maps_the_client(
    client: httpx.Client, worker: PlayedWorker
) -> None:
    heat = [[float(7 * row + column) for column in range(7)] for row in range(7)]

    def explained(item: StartedItem) -> ItemResult:
        result = succeed(item)
        maps = {"heatmap": heat} if item.explain else {}
        found = [one.model_copy(update=maps) for one in result.predictions or ()]
        return result.model_copy(update={"predictions": found})

    worker.answer = explained
    worker.report = worker.report.model_copy(update={"explains": True})
    try:
        eventually(
            lambda: client.post("/predict?explain=true&top_k=10", content=PHOTO).status_code == 200,
            10,
        )
        answer = client.post("/predict?explain=true", content=PHOTO).json()
        assert [one["heatmap"] for one in answer["predictions"]] == [heat] * 3
        job = client.get(f"/jobs/{answer['job_id']}").json()
        assert job["items"][0]["predictions"] == answer["predictions"]
        plain = client.post("/predict", content=PHOTO).json()
        assert all("heatmap" not in one for one in plain["predictions"])
    finally:
        worker.report = worker.report.model_copy(update={"explains": False})


@pytest.mark.parametrize("error", [InvalidImage("cut off"), WorkerLost("died twice")])
def test_a_failed_photo_answers_with_its_own_error(
    client: httpx.Client, worker: PlayedWorker, error: InvalidImage | WorkerLost
) -> None:
    worker.answer = lambda _: ItemResult(error=Problem.of(error))
    answer = client.post("/predict", content=PHOTO)
    assert answer.status_code == error.status
    assert slug(answer) == error.slug
    assert answer.json()["detail"] == error.detail
    assert ("retry-after" in answer.headers) is (error.status == 503)
    job = client.get(f"/jobs/{answer.json()['job_id']}").json()
    assert job["items"][0]["error"]["detail"] == error.detail


def test_a_wait_that_runs_out_answers_202_and_the_job_goes_on(
    client: httpx.Client, worker: PlayedWorker
) -> None:
    answers, answered = worker.answer, threading.Event()

    def after_the_answer(item: object) -> ItemResult | None:
        assert answered.wait(20)
        return answers(item)  # type: ignore[arg-type]

    worker.answer = after_the_answer
    began = time.monotonic()
    answer = client.post("/predict", content=PHOTO, headers={"prefer": "wait=1"})
    answered.set()
    assert time.monotonic() - began > 0.9, "it did not wait"
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] in {"queued", "running"}
    where = answer.headers["location"]
    eventually(lambda: client.get(where).json()["status"] == "completed", 15)
    assert len(client.get(where).json()["items"][0]["predictions"]) == 3


def in_pieces(data: bytes) -> Iterator[bytes]:
    """Sent without a Content-Length."""
    for start in range(0, len(data), 10_000):
        yield data[start : start + 10_000]


@pytest.mark.usefixtures("worker")
def test_a_large_photo_in_pieces_is_whole_again(api: ApiProcess) -> None:
    answer = api.client.post("/predict", content=in_pieces(PHOTO + bytes(100_000)))
    assert answer.status_code == 200


def test_a_request_id_is_taken_over_if_it_is_harmless(client: httpx.Client) -> None:
    given = client.get("/health/live", headers={"x-request-id": "abc-123"})
    assert given.headers["x-request-id"] == "abc-123"
    odd = client.get("/health/live", headers={"x-request-id": "a b{}" * 100})
    assert len(odd.headers["x-request-id"]) == 32


@pytest.mark.usefixtures("worker")
def test_a_waiting_request_costs_the_api_one_round_trip(
    client: httpx.Client, api: ApiProcess
) -> None:
    with Redis.from_url(api.redis_url, decode_responses=True) as redis, redis.monitor() as monitor:
        client.post("/predict", content=PHOTO)  # loads the scripts
        job_id = client.post("/predict", content=PHOTO).json()["job_id"]
        redis.echo("the end")
        seen: list[str] = []
        while "the end" not in (command := monitor.next_command())["command"]:
            if command["client_type"] != "lua" and job_id in command["command"]:
                seen.append(command["command"].split()[0])
    assert seen == ["EVALSHA"] * 3, "the api's to create it, the worker's to start and finish it"
