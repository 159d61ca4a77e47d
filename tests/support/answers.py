"""Helpers for error responses and waiting jobs."""

import httpx
from redis import Redis

from api.http.compatible_errors import is_compatible
from tests.support.served import eventually


def slug(answer: httpx.Response) -> str:
    """The slug of an error response, after a check of its form, which depends on the path."""
    body = answer.json()
    if is_compatible(answer.request.url.path):
        assert answer.headers["content-type"] == "application/json"
        assert body["error"] == body["detail"]
    else:
        assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert body["title"]
    assert answer.headers["x-request-id"]
    assert (answer.status_code in {429, 503}) is ("retry-after" in answer.headers)
    return str(body["type"].removeprefix("/problems/"))


def waiting_job(client: Redis) -> str:
    """Wait until one interactive job is queued; returns its id."""
    eventually(lambda: client.llen("interactive") == 1, 5)
    [member] = client.zrange("ic:queued:interactive", 0, -1)
    return str(member).partition(":")[0]
