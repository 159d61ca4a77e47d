"""Both clients of the SDK against a real api and worker, by the same tests."""

import asyncio
import inspect
import io
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_classifier_client import (
    AsyncImageClassifier,
    ImageClassifier,
    JobNotFound,
    Photo,
    ProblemError,
    ServiceUnavailable,
    ServiceUnreachable,
)
from tests.support.live_service import LiveService, coloured
from tests.support.photos import free_port
from tests.support.scripted_http import Reply, ScriptedHttp
from tests.support.wire import JOB


class Awaited:
    """The asyncio client behind the methods of the other one, so that one test asks both."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = asyncio.Runner()
        self._client = AsyncImageClassifier(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            result = getattr(self._client, name)(*arguments, **options)
            if inspect.isasyncgen(result):
                return self._loop.run(_all(result))
            return self._loop.run(_await(result))

        return call

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()


async def _await(result: Awaitable[Any]) -> Any:
    return await result


async def _all(results: AsyncIterator[Any]) -> list[Any]:
    return [result async for result in results]


Client = ImageClassifier | Awaited
KINDS: list[type[Client]] = [ImageClassifier, Awaited]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[Client]:
    chosen: type[Client] = request.param
    return chosen


@pytest.fixture
def client(kind: type[Client], service: LiveService) -> Iterator[Client]:
    client = kind(service.url)
    yield client
    client.close()


def test_one_photo_however_it_is_given(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "käse.png"
    path.write_bytes(coloured(7))
    with path.open("rb") as file:
        sources = [path, str(path), path.read_bytes(), file, io.BytesIO(coloured(7))]
        answers = [client.predict(source, top_k=2) for source in sources]
    assert [answer.filename for answer in answers] == [
        "käse.png", "käse.png", "photo", "käse.png", "photo"
    ]  # fmt: skip
    for answer in answers:
        assert [prediction.class_index for prediction in answer.predictions] == [7, 0]
        assert answer.model.name == "scripted"
        assert answer.timing_ms.total > 0


def test_a_job_from_its_start_to_its_results(client: Client) -> None:
    seen: list[int] = []
    photos = [Photo(coloured(at), f"{at}.png") for at in range(5)]
    job = client.submit([*photos, Photo(b"hello", "notes.txt")], top_k=1)
    done = client.wait(job.job_id, on_progress=lambda job: seen.append(job.counts.ended))
    assert (done.status, done.counts.succeeded, done.counts.failed) == ("completed", 5, 1)
    assert seen[-1] == 6
    items = list(client.results(job.job_id))
    assert [item.filename for item in items] == [*(f"{at}.png" for at in range(5)), "notes.txt"]
    assert [item.predictions[0].class_index for item in items[:5] if item.predictions] == [
        0, 1, 2, 3, 4
    ]  # fmt: skip
    assert items[5].error is not None
    assert items[5].error.slug == "unsupported_media_type"
    assert client.job(job.job_id, offset=4, limit=1).items[0].index == 4
    assert client.cancel(job.job_id).status == "completed"


def test_the_same_photos_under_the_same_key_are_the_same_job(client: Client) -> None:
    photos, key = [coloured(at) for at in range(3)], uuid.uuid4().hex
    job = client.submit(photos, idempotency_key=key)
    assert client.submit(photos, idempotency_key=key).job_id == job.job_id
    assert client.submit(photos).job_id != job.job_id
    with pytest.raises(ProblemError, match="idempotency_conflict"):
        client.submit(photos, top_k=5, idempotency_key=key)


def test_results_are_read_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("image_classifier_client.calls.PAGE_MAX", 3)
    job = client.submit([coloured(at) for at in range(7)])
    assert [item.index for item in client.results(job.job_id)] == list(range(7))


def test_health_and_model(client: Client) -> None:
    health = client.health()
    assert (health.status, len(health.workers)) == ("ok", 1)
    model = client.model()
    assert (model.name, len(model.classes)) == ("scripted", 256)


def test_errors_carry_the_problem(client: Client) -> None:
    with pytest.raises(ProblemError) as caught:
        client.predict(b"hello")
    assert (caught.value.slug, caught.value.status) == ("unsupported_media_type", 415)
    assert "Convert" in caught.value.detail
    for call in (client.job, client.wait, client.cancel):
        with pytest.raises(JobNotFound):
            call("0" * 32)
    with pytest.raises(ProblemError, match="upload_too_large"):
        client.submit([coloured(1)] * 9)


def test_nobody_there_is_an_error_of_its_own(kind: type[Client]) -> None:
    client = kind(f"http://127.0.0.1:{free_port()}", retry_for_s=0.5)
    try:
        with pytest.raises(ServiceUnreachable, match="No answer from http://127"):
            client.model()
    finally:
        client.close()


def test_a_refusal_is_tried_again_as_it_says_under_the_same_key(kind: type[Client]) -> None:
    waits: list[float] = []
    full = Reply(503, b"", {"retry-after": "1"})
    replies = [Reply(None), full, Reply(202, json.dumps(JOB).encode())]
    with ScriptedHttp(*replies) as server:
        client = kind(server.url, on_retry=lambda _, wait_s: waits.append(wait_s))
        try:
            job = client.submit([coloured(1), coloured(2)])
        finally:
            client.close()
    assert job.job_id == "1"
    assert waits[0] < 1 <= waits[1]
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert len(server.requests) == 3
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    bodies = [request.body.replace(_boundary(request.headers), b"") for request in server.requests]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0].count(b"\x89PNG") == 2


def _boundary(headers: Any) -> bytes:
    return str(headers["content-type"]).partition("boundary=")[2].encode()


def test_a_refusal_that_outlasts_patience_is_raised(kind: type[Client]) -> None:
    with ScriptedHttp(Reply(503, b"", {"retry-after": "3600"})) as server:
        client = kind(server.url)
        try:
            with pytest.raises(ServiceUnavailable) as caught:
                client.model()
        finally:
            client.close()
    assert caught.value.retry_after_s == 3600
    assert len(server.requests) == 1
