"""A page of a named site can read every answer, also those from before and around the app."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.api.server.conftest import LIVE, closing
from tests.support.api_process import ApiProcess
from tests.support.raw_client import RawAnswer, RawClient, raw
from tests.support.redis_server import RedisServer

SITE, OTHER = "https://a.example", "https://b.example"
MAX_CONNECTIONS = 3
ORIGIN = f"Origin: {SITE}\r\n".encode()
LONG = b"X-Long: " + b"a" * 40_000 + b"\r\n"


@pytest.fixture(scope="module", params=[f"{SITE} {OTHER}", "*"], ids=["two sites", "all"])
def running_api(
    request: pytest.FixtureRequest,
    shared_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiProcess]:
    settings = {
        "CORS_ORIGINS": request.param,
        "MAX_CONNECTIONS": str(MAX_CONNECTIONS),
        "CLIENT_TIMEOUT_S": "2",
    }
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api"), **settings) as process:
        process.client.close()  # or it would hold a place
        yield process


def head(*fields: bytes, line: bytes = b"GET /health/live HTTP/1.1") -> bytes:
    return b"".join([line, b"\r\n", *fields, b"\r\n"])


REFUSED = {
    "431": (head(b"Host: x\r\n", ORIGIN, LONG), 431),
    "431, the origin comes last": (head(b"Host: x\r\n", LONG, ORIGIN), 431),
    "400, no Host": (head(ORIGIN), 400),
    "400, not HTTP": (head(ORIGIN, b"no colon\r\n"), 400),
    "408": (head(b"Host: x\r\n", ORIGIN)[:-2] + b"X", 408),
}


def readable(answer: RawAnswer) -> bool:
    """Whether a browser shows the answer, with its reason and when to retry, to a page of SITE."""
    exposed = answer.headers.get("access-control-expose-headers", "")
    allowed = answer.headers.get("access-control-allow-origin")
    return allowed in {SITE, "*"} and "retry-after" in exposed


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED)
def test_what_the_connection_refuses_can_be_read(
    api: ApiProcess, request_: bytes, status: int
) -> None:
    with raw(api.port) as line:
        line.send(request_)
        answer = closing(line)
    assert answer.status == status
    assert readable(answer)


def test_one_connection_too_many_can_be_read(api: ApiProcess) -> None:
    busy = (
        b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 9000\r\n\r\n--b\r\n"
    )
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            line = stack.enter_context(raw(api.port))
            line.send(busy)
        with raw(api.port) as other:
            other.send(head(b"Host: x\r\n", ORIGIN))
            answer = closing(other)
    assert (answer.status, answer.slug) == (503, "too_many_connections")
    assert readable(answer)


def ask(line: RawClient, request: bytes) -> RawAnswer:
    line.send(request)
    return line.answer()


def test_the_apps_own_errors_can_be_read(api: ApiProcess) -> None:
    with raw(api.port) as line:
        for path in (b"/nothing", b"/predict", b"/jobs/x"):
            answer = ask(line, head(b"Host: x\r\n", ORIGIN, line=b"GET " + path + b" HTTP/1.1"))
            assert readable(answer), path


def test_a_site_that_is_not_named_reads_no_refusal(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(head(b"Origin: https://evil.example\r\n", b"X: a\r\n", line=b"GET / HTTP/1.1"))
        allowed = closing(line).headers.get("access-control-allow-origin")
    assert allowed in {None, "*"}
    assert allowed != SITE


def test_a_request_without_origin_gets_no_header(api: ApiProcess) -> None:
    with raw(api.port) as line:
        assert "access-control-allow-origin" not in ask(line, LIVE).headers
