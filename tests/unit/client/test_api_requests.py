"""How requests are built and responses are read; nothing is sent."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_classifier_client import (
    JobNotFound,
    Photo,
    ProblemError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedAnswer,
    api_requests,
)
from image_classifier_client.models import Job, PredictAnswer
from tests.support.wire import ANSWER, JOB

CLIENT = httpx2.Client(base_url="http://user:secret@service/prefix")
PREDICT = api_requests.predict(Photo(b"x"), 3)


def response(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = httpx2.Request("GET", "http://user:secret@service/prefix/jobs?x=1")
    return httpx2.Response(status, content=content, headers=headers, request=request)


def problem(status: int, slug: str, **more: object) -> httpx2.Response:
    body = {"type": f"/problems/{slug}", "title": "T", "status": status, "detail": "D", **more}
    return response(status, body, {"content-type": "application/problem+json", "retry-after": "7"})


def test_a_batch_is_a_form_of_repeated_files_with_its_key() -> None:
    photos = [Photo(b"one", "a b.jpg"), Photo(b"two", "käse.png")]
    request = api_requests.submit(photos, 5, "key-1").build(CLIENT)
    body = request.read()
    assert request.url.path == "/prefix/jobs"
    assert request.url.params["top_k"] == "5"
    assert request.headers["idempotency-key"] == "key-1"
    assert int(request.headers["content-length"]) == len(body)
    assert body.count(b'name="files"') == 2
    assert b'filename="a b.jpg"' in body
    assert 'filename="käse.png"'.encode() in body


def test_predict_says_how_long_it_waits() -> None:
    request = PREDICT.build(CLIENT)
    assert request.headers["prefer"] == "wait=20"
    assert api_requests.predict(Photo(b"x"), 3, 5).build(CLIENT).headers["prefer"] == "wait=5"
    assert b'name="file"; filename="photo"' in request.read()


def test_a_job_id_cannot_lead_elsewhere() -> None:
    assert api_requests.job("../health?x").build(CLIENT).url.raw_path == (
        b"/prefix/jobs/..%2Fhealth%3Fx?offset=0&limit=100"
    )


def test_an_empty_job_id_is_refused() -> None:
    for request in (api_requests.job, api_requests.cancel):
        with pytest.raises(ValueError, match="job id is empty"):
            request("")


def test_predict_reads_a_result_and_a_job() -> None:
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
        (response(401, b"<html>"), ProblemError),  # a proxy that asks for its own password
        (response(403, b"<html>"), ProblemError),
        (problem(404, "job_not_found"), JobNotFound),
    ],
)
def test_an_error_is_of_the_kind_that_says_what_to_do(
    answer: httpx2.Response, kind: type[ProblemError]
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


def test_the_failure_of_a_photo_is_not_retried() -> None:
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


def test_another_service_is_an_unexpected_answer() -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        PREDICT.parse(response(200, b"<html>"))
    assert "secret" not in str(caught.value)


def test_health_is_read_from_a_503_too() -> None:
    health = {
        "status": "unavailable", "broker": {"status": "down", "latency_ms": None},
        "workers": [], "queues": {"interactive": 0, "batch": 0},
    }  # fmt: skip
    assert api_requests.health().parse(response(503, health)).status == "unavailable"
    with pytest.raises(ServiceUnavailable):
        api_requests.health().parse(response(503, b"<html>"))


def test_retry_after_is_a_number_or_a_date() -> None:
    assert api_requests.seconds_until("3") == 3
    assert api_requests.seconds_until(" 0 ") == 0
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 0 < (api_requests.seconds_until(later) or 0) <= 3_600
    assert api_requests.seconds_until("Sun, 06 Nov 1994 08:49:37 GMT") == 0


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "-3",
        "+3",
        "1.5",
        "1e3",
        "1_0",
        "nan",
        "inf",
        "\u0663",
        "9" * 400,
        "9" * 10,
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Fri, 31 Feb 2027 08:49:37 GMT",
        "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
        "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    ],
)
def test_a_retry_after_that_makes_no_sense_counts_as_absent(text: str | None) -> None:
    assert api_requests.seconds_until(text) is None


@given(st.text())
def test_no_retry_after_is_an_error(text: str) -> None:
    seconds = api_requests.seconds_until(text)
    assert seconds is None or 0 <= seconds <= api_requests.RETRY_AFTER_MAX_S


def test_an_error_names_the_proxy_that_the_response_came_through() -> None:
    request = PREDICT.build(CLIENT, proxy="http://proxy:3128 (HTTP_PROXY)")
    forbidden = httpx2.Response(403, content=b"<html>", request=request)
    with pytest.raises(ProblemError, match="through the proxy http://proxy:3128") as e:
        PREDICT.parse(forbidden)
    assert "(HTTP_PROXY) responded with 403 Forbidden" in e.value.detail
    login = httpx2.Response(200, content=b"<html>", request=request)
    with pytest.raises(UnexpectedAnswer, match="through the proxy http://proxy:3128"):
        PREDICT.parse(login)


def test_a_name_that_is_not_text_can_be_sent() -> None:
    for name in ("caf\udce9.jpg", ""):
        assert PREDICT.build(CLIENT).read()
        assert b"filename=" in api_requests.predict(Photo(b"x", name), 3).build(CLIENT).read()
