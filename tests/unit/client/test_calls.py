"""Requests as they are built, and answers as they are understood; nothing is sent."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from image_classifier_client import (
    JobNotFound,
    Photo,
    ProblemError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedAnswer,
    calls,
)
from image_classifier_client.models import Job, PredictAnswer
from tests.support.wire import ANSWER, JOB

CLIENT = httpx.Client(base_url="http://user:secret@service/prefix")
PREDICT = calls.predict(Photo(b"x"), 3)


def response(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = httpx.Request("GET", "http://user:secret@service/prefix/jobs?x=1")
    return httpx.Response(status, content=content, headers=headers, request=request)


def problem(status: int, slug: str, **more: object) -> httpx.Response:
    body = {"type": f"/problems/{slug}", "title": "T", "status": status, "detail": "D", **more}
    return response(status, body, {"content-type": "application/problem+json", "retry-after": "7"})


def test_a_batch_is_a_form_of_repeated_files_with_its_key() -> None:
    photos = [Photo(b"one", "a b.jpg"), Photo(b"two", "käse.png")]
    request = calls.submit(photos, 5, "key-1").request(CLIENT)
    body = request.read()
    assert request.url.path == "/prefix/jobs"
    assert request.url.params["top_k"] == "5"
    assert request.headers["idempotency-key"] == "key-1"
    assert int(request.headers["content-length"]) == len(body)
    assert body.count(b'name="files"') == 2
    assert b'filename="a b.jpg"' in body
    assert 'filename="käse.png"'.encode() in body


def test_predict_says_how_long_it_waits() -> None:
    request = PREDICT.request(CLIENT)
    assert request.headers["prefer"] == "wait=20"
    assert b'name="file"; filename="photo"' in request.read()


def test_a_job_id_cannot_lead_elsewhere() -> None:
    assert calls.job("../health?x").request(CLIENT).url.raw_path == (
        b"/prefix/jobs/..%2Fhealth%3Fx?offset=0&limit=100"
    )


def test_predict_understands_an_answer_and_a_job() -> None:
    answer = PREDICT.parse(response(200, {**ANSWER, "new": 1}))
    assert isinstance(answer, PredictAnswer)
    assert answer.predictions[0].label == "tabby"
    assert isinstance(PREDICT.parse(response(202, JOB)), Job)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(503, "queue_full"), ServiceUnavailable),
        (problem(429, "too_many_requests"), ServiceUnavailable),
        (response(502, b"<html>"), ServiceUnavailable),
        (problem(401, "unauthorized"), Unauthorized),
        (problem(404, "job_not_found"), JobNotFound),
    ],
)
def test_an_error_is_of_the_kind_that_says_what_to_do(
    answer: httpx.Response, kind: type[ProblemError]
) -> None:
    with pytest.raises(kind) as caught:
        PREDICT.parse(answer)
    assert type(caught.value) is kind


def test_an_error_carries_the_problem() -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        PREDICT.parse(problem(503, "queue_full"))
    error = caught.value
    assert (error.slug, error.detail, error.status) == ("queue_full", "D", 503)
    assert error.retry_after_s == 7


def test_how_a_photo_ended_is_no_reason_to_send_it_again() -> None:
    with pytest.raises(ProblemError) as caught:
        PREDICT.parse(problem(503, "worker_lost", job_id="1"))
    assert not isinstance(caught.value, ServiceUnavailable)
    assert caught.value.problem.job_id == "1"


def test_a_redirect_names_the_right_url_and_no_secret() -> None:
    moved = response(308, b"", {"location": "https://service/"})
    with pytest.raises(ProblemError) as caught:
        PREDICT.parse(moved)
    assert "use that URL" in caught.value.detail
    assert "https://service/" in caught.value.detail
    assert "secret" not in str(caught.value)


def test_another_service_is_told_from_ours() -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        PREDICT.parse(response(200, b"<html>"))
    assert "secret" not in str(caught.value)


def test_health_is_read_from_a_503_too() -> None:
    health = {
        "status": "unavailable", "broker": {"status": "down", "latency_ms": None},
        "workers": [], "queues": {"interactive": 0, "batch": 0},
    }  # fmt: skip
    assert calls.health().parse(response(503, health)).status == "unavailable"
    with pytest.raises(ServiceUnavailable):
        calls.health().parse(response(503, b"<html>"))


def test_retry_after_is_a_number_or_a_date() -> None:
    assert calls.seconds_until("3") == 3
    assert calls.seconds_until("-3") == 0
    assert calls.seconds_until(None) is None
    assert calls.seconds_until("soon") is None
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < (calls.seconds_until(later) or 0) <= 60
