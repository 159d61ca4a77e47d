"""What both clients do about refusals, silence and nonsense; the server is scripted."""

import json
from typing import Any

import pytest

from image_classifier_client import (
    ServiceUnavailable,
    ServiceUnreachable,
    WaitTimeout,
)
from tests.integration.client.clients import Client
from tests.support.live_service import coloured
from tests.support.photos import free_port
from tests.support.scripted_http import Reply, ScriptedHttp
from tests.support.wire import JOB


def test_an_unreachable_service_has_its_own_error(kind: type[Client]) -> None:
    client = kind(f"http://127.0.0.1:{free_port()}", retry_for_s=0.5)
    try:
        with pytest.raises(ServiceUnreachable, match="No response from http://127"):
            client.model()
    finally:
        client.close()


def test_a_refusal_is_retried_after_retry_after_with_the_same_key(kind: type[Client]) -> None:
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


def test_a_refusal_longer_than_the_time_to_retry_is_raised(kind: type[Client]) -> None:
    with ScriptedHttp(Reply(503, b"", {"retry-after": "3600"})) as server:
        client = kind(server.url)
        try:
            with pytest.raises(ServiceUnavailable) as caught:
                client.model()
        finally:
            client.close()
    assert caught.value.retry_after_s == 3600
    assert len(server.requests) == 1


def test_a_predict_without_a_worker_ends_and_names_its_job(kind: type[Client]) -> None:
    accepted = Reply(202, json.dumps(JOB).encode())
    with ScriptedHttp(accepted, Reply(200, accepted.body)) as server:
        client = kind(server.url)
        try:
            with pytest.raises(WaitTimeout, match="Job 1 is not finished") as caught:
                client.predict(coloured(1), timeout_s=1)
            with pytest.raises(WaitTimeout):
                list(client.results("1", timeout_s=0))
        finally:
            client.close()
    assert caught.value.job_id == "1"
    assert server.requests[0].headers["prefer"] == "wait=1"


def test_a_service_that_disappears_while_predict_polls_is_an_error_that_names_the_job(
    kind: type[Client],
) -> None:
    with ScriptedHttp(Reply(202, json.dumps(JOB).encode()), Reply(None)) as server:
        client = kind(server.url, retry_for_s=0)
        try:
            with pytest.raises(ServiceUnreachable) as caught:
                client.predict(coloured(1))
        finally:
            client.close()
    assert caught.value.job_id == "1"


@pytest.mark.parametrize(
    "nonsense",
    ["Sun, 06 Nov 1994 08:49:37 -0000", "Sun, 06 Nov 1994 08:49:37", "9" * 400, "-5", "nan"],
)
def test_a_nonsensical_retry_after_is_retried_without_it(kind: type[Client], nonsense: str) -> None:
    with ScriptedHttp(Reply(503, b"", {"retry-after": nonsense})) as server:
        client = kind(server.url, retry_for_s=0.5)
        try:
            with pytest.raises(ServiceUnavailable) as caught:
                client.model()
        finally:
            client.close()
    assert caught.value.retry_after_s is None
    assert len(server.requests) >= 2
