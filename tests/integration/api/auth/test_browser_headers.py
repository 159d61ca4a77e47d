"""What every answer tells browsers, and which other sites may ask."""

from pathlib import Path

import httpx
import pytest

from tests.support.api_keys import ALICE_ENTRY, api_with
from tests.support.api_process import ApiProcess
from tests.support.raw_client import raw
from tests.support.redis_server import RedisServer
from tests.support.routes import A_JOB, every_route

ORIGIN = "https://example.org"


def preflight(client: httpx.Client, origin: str) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,prefer",
    }
    return client.options("/predict", headers=asked)


def test_other_sites_may_not_send_requests_unless_allowed(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    with api_with(shared_redis, tmp_path) as client:
        for answer in (preflight(client, ORIGIN), client.get("/model", headers={"origin": ORIGIN})):
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_allowed_site_may_send_requests_and_read_responses(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    settings = {"CORS_ORIGINS": ORIGIN, "API_KEYS": ALICE_ENTRY}
    with api_with(shared_redis, tmp_path, **settings) as client:
        assert preflight(client, ORIGIN).status_code == 200
        assert preflight(client, "https://evil.example").status_code == 400
        answer = client.get("/model", headers={"origin": ORIGIN})
        assert answer.status_code == 401, "a preflight is no key"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "location" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


EVERY_ANSWER = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def assert_secured(headers: httpx.Headers | dict[str, str]) -> None:
    assert {name: headers.get(name) for name in EVERY_ANSWER} == EVERY_ANSWER
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize(("method", "path"), [*every_route(), ("GET", "/static/icon.svg")])
def test_every_response_has_the_security_headers(
    alice: httpx.Client, client: httpx.Client, method: str, path: str
) -> None:
    for asking in (alice, client):
        assert_secured(asking.request(method, path).headers)


def test_an_early_refusal_has_the_security_headers(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(b"nonsense\r\n\r\n")
        assert_secured(line.answer().headers)


def test_responses_are_not_cached(alice: httpx.Client) -> None:
    assert alice.get(f"/jobs/{A_JOB}").headers["cache-control"] == "no-store"
