"""A client that sends its whole body before it reads gets the answer, against a real uvicorn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.api_process import ApiProcess
from tests.support.raw_client import raw
from tests.support.redis_server import RedisServer

PNG = b"\x89PNG\r\n\x1a\n"
PIECE = bytes(256 * 1024)
REPEATS, AT_ONCE = 14, 4
MB = 1_000_000


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api")) as process:
        yield process


def head(path: str, size: int, version: str = "1.1", fields: bytes = b"") -> bytes:
    return (
        f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Length: {size}\r\n".encode()
        + fields
        + b"\r\n"
    )


CLOSE = b"Connection: close\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
# No worker runs, so that /predict is refused with 503 before the body is read.
KINDS = {
    "48 MB, kept open": (head("/predict", 48 * MB), 48 * MB, 503),
    "34 MB to nowhere": (head("/nothing", 34 * MB), 34 * MB, 404),
    "30 MB, closing": (head("/predict", 30 * MB, fields=CLOSE), 30 * MB, 503),
    "5.7 MB, closing": (head("/predict", 5_700_000, fields=CLOSE), 5_700_000, 503),
    "1.2 MB form, closing": (head("/predict", 1_200_000, fields=CLOSE + FORM), 1_200_000, 503),
    "30 MB, HTTP/1.0": (head("/predict", 30 * MB, "1.0"), 30 * MB, 503),
    "1.2 MB, HTTP/1.0": (head("/jobs/", 1_200_000, "1.0"), 1_200_000, 404),
}


def status(port: int, start: bytes, size: int) -> int | str:
    """Send everything, then read, as wget does: where sending fails, the answer is lost."""
    with raw(port) as line:
        line.send(start + PNG)
        left = size - len(PNG)
        while left > 0:
            if not line.send(PIECE[:left]):
                return f"reset with {left} bytes left"
            left -= len(PIECE)
        try:
            return line.answer().status
        except (ConnectionError, AssertionError) as error:
            return str(error)


@pytest.mark.parametrize(("start", "size", "expected"), KINDS.values(), ids=KINDS)
def test_no_answer_to_an_early_refusal_is_lost(
    api: ApiProcess, start: bytes, size: int, expected: int
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: status(api.port, start, size), range(REPEATS)))
    assert answers == [expected] * REPEATS


def test_a_client_that_stops_sending_is_closed(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(head("/predict", 30 * MB, fields=CLOSE))
        assert line.answer().status == 503
        assert line.is_closed(10)


def test_after_an_expectation_nothing_is_read(api: ApiProcess) -> None:
    """The client waits for 100 Continue, so that no body comes."""
    with raw(api.port) as line:
        line.send(head("/predict", 30 * MB, fields=b"Expect: 100-continue\r\n"))
        answer = line.answer()
        assert answer.status == 503
        assert answer.headers["connection"] == "close"
        assert line.is_closed(1)


def test_a_connection_is_kept_when_the_rest_is_small(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(head("/nothing", 5 * MB))
        assert line.answer().status == 404
        line.send(bytes(5 * MB))
        line.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.answer().status == 200
