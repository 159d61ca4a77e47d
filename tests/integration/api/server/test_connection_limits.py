"""What a client may do with a connection: bytes, seconds and places, against a real uvicorn."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from tests.support.answers import waiting_job
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.raw_client import RawAnswer, RawClient, raw
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

TIMEOUT_S = 2
PLACES = 12
# Ticks are whole seconds, and the machine may be busy.
LATE_S = TIMEOUT_S + 8
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
JPEG = b"\xff\xd8\xff\xe0" + b"a" * 12
BUNDLE = b"GET /swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    limits = {"CLIENT_TIMEOUT_S": str(TIMEOUT_S), "MAX_CONNECTIONS": str(PLACES)}
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api"), **limits) as process:
        yield process


@pytest.fixture
def line(api: ApiProcess) -> Iterator[RawClient]:
    with raw(api.port) as client:
        yield client


def closing(client: RawClient) -> RawAnswer:
    """The answer after which the connection ends."""
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert client.is_closed(LATE_S)
    return answer


def open_files(api: ApiProcess) -> int:
    return psutil.Process(api.process.pid).num_fds()


# --- bytes ---


@pytest.mark.parametrize(
    "fields",
    [
        b"X-Long: " + b"a" * 40_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1_000) for n in range(50)),
        b"a:\r\n" * 101,
    ],
    ids=["one long field", "many bytes", "many fields"],
)
def test_a_head_beyond_its_limits_is_refused_whole(line: RawClient, fields: bytes) -> None:
    line.send(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
    answer = closing(line)
    assert (answer.status, answer.slug) == (431, "headers_too_large")


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET / HTTP/1.1\r\n", b"X-Some: thing\r\n" * 4_000),
        (b"GET / HTTP/1.1\r\nX-Long: ", b"a" * 65_536),
        (b"GET /", b"a" * 65_536),
        (b"", b"\r\n" * 32_768),
        (CHUNKED + b"1;", b"a" * 65_536),
        (CHUNKED + b"0\r\n", b"X-Some: trailer\r\n" * 4_000),
        (CHUNKED + b"0\r\nX-Long: ", b"a" * 65_536),
    ],
    ids=["fields", "value", "path", "empty lines", "chunk extension", "trailers", "trailer"],
)
@pytest.mark.usefixtures("worker")
def test_a_head_without_end_is_refused_early(api: ApiProcess, begin: bytes, piece: bytes) -> None:
    before = api.memory_mb
    with raw(api.port) as line:
        line.send(begin)
        for _ in range(1_000):  # 60 MB
            line.trickle(piece, 0, 0.01)
            if line._got:
                break
        answer = closing(line)
    assert (answer.status, answer.slug) in {(431, "headers_too_large"), (400, "malformed_request")}
    assert api.memory_mb < before + 20


def test_a_head_within_its_limits_is_answered(line: RawClient) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 300) for n in range(98))
    line.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    assert line.answer().status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_as_a_problem(line: RawClient, request_bytes: bytes) -> None:
    line.send(request_bytes)
    answer = closing(line)
    assert (answer.status, answer.slug) == (400, "malformed_request")


def test_requests_ahead_of_their_answers_are_bounded(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(LIVE * 4)
        assert [line.answer().status for _ in range(4)] == [200] * 4
    before = api.memory_mb
    with raw(api.port) as line:
        for _ in range(100):
            line.send(LIVE * 2_000)
        assert line.is_closed(LATE_S)
    assert api.memory_mb < before + 20


def test_an_upgrade_is_answered_as_if_it_were_not_asked(line: RawClient) -> None:
    line.send(
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    assert line.answer().status == 200
    line.send(LIVE)
    assert line.answer().status == 200


# --- seconds ---


@pytest.mark.parametrize("before", [b"", LIVE], ids=["first", "second"])
@pytest.mark.parametrize(
    ("begin", "piece"),
    [(b"GET / HTTP/1.1\r\nX: ", b"a"), (b"", b"\r\n")],
    ids=["letters", "empty lines"],
)
def test_a_slow_head_is_refused(line: RawClient, before: bytes, begin: bytes, piece: bytes) -> None:
    if before:
        line.send(before)
        assert line.answer().status == 200
    line.send(begin)
    line.trickle(piece, 0.2, LATE_S)
    answer = closing(line)
    assert (answer.status, answer.slug) == (408, "request_timeout")


def test_a_connection_without_a_request_is_closed(line: RawClient) -> None:
    assert line.is_closed(LATE_S)


def test_a_connection_between_requests_is_closed_after_a_while(line: RawClient) -> None:
    line.send(LIVE)
    assert line.answer().status == 200
    assert line.is_closed(15)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (POST + b"Content-Length: 100000\r\n\r\n" + JPEG, b"\xff"),
        (CHUNKED + b"10\r\n" + JPEG + b"\r\n", b"1\r\n\xff\r\n"),
        (POST + b"Content-Length: 100000\r\n\r\n" + JPEG, b""),
        (POST + b"Content-Length: 100000\r\n\r\n", b""),
    ],
    ids=["declared", "chunked", "nothing more", "nothing"],
)
@pytest.mark.usefixtures("worker")
def test_a_slow_body_is_refused(line: RawClient, begin: bytes, piece: bytes) -> None:
    line.send(begin)
    line.trickle(piece, 0.2, LATE_S)
    answer = closing(line)
    assert (answer.status, answer.slug) == (408, "request_timeout")


@pytest.mark.usefixtures("worker")
def test_a_slow_batch_leaves_nothing_stored(api: ApiProcess) -> None:
    photo, before = jpeg(), api.stored()
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    with raw(api.port) as line:
        line.send(
            b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 10000000\r\n\r\n" + part + photo + b"\r\n" + part
        )
        eventually(lambda: api.stored() != before, 5)
        assert closing(line).slug == "request_timeout"
    eventually(lambda: api.stored() == before, 5)


@pytest.mark.usefixtures("worker")
def test_a_body_that_comes_steadily_is_taken(line: RawClient) -> None:
    line.send(POST + b"Content-Length: 5000\r\n\r\n\xff\xd8\xff")
    for _ in range(49):  # 1,000 bytes a second, for two timeouts
        line.send(b"a" * 100)
        time.sleep(0.1)
    line.send(b"a" * 97)
    assert line.answer().status == 200


def test_what_follows_an_early_answer_may_not_be_slow(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        assert line.answer().status == 404
        line.trickle(b"a", 0.2, LATE_S)
        assert line.is_closed(1)


def test_a_body_that_ends_after_its_answer_leaves_no_connection_for_ever(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert line.answer().status == 404
        line.send(b"0123456789")
        assert line.is_closed(15)


def test_a_client_that_reads_nothing_is_left(api: ApiProcess) -> None:
    before = open_files(api)
    with raw(api.port, receive_buffer=4_096) as line:
        line.send(BUNDLE * 8)
        eventually(lambda: open_files(api) > before, 5)
        # fewer, where a connection of an earlier test was still closing
        eventually(lambda: open_files(api) <= before, 5 * LATE_S)


# --- places ---


def test_a_client_that_asks_nothing_makes_room(api: ApiProcess) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(raw(api.port)) for _ in range(3 * PLACES)]
        for line in lines:
            line.send(b"GET / HT")
        with raw(api.port) as other:
            other.send(LIVE)
            assert other.answer().status == 200
        assert lines[0].is_closed(5)


def test_a_client_that_was_answered_before_its_body_makes_room(api: ApiProcess) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(raw(api.port)) for _ in range(PLACES)]
        for line in lines:
            line.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n1")
            assert line.answer().status == 404
        with raw(api.port) as other:
            other.send(LIVE)
            assert other.answer().status == 200
        assert lines[0].is_closed(5)


def test_beyond_the_limit_a_client_is_told_to_come_again(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    photo, before = jpeg(), api.stored()
    with ExitStack() as stack:
        for _ in range(PLACES):
            line = stack.enter_context(raw(api.port))
            line.send(POST + b"Prefer: wait=30\r\nContent-Length: %d\r\n\r\n" % len(photo) + photo)
        eventually(lambda: len(api.stored()) == len(before) + PLACES, 10)
        with raw(api.port) as other:
            answer = closing(other)
    assert (answer.status, answer.slug) == (503, "too_many_connections")
    assert answer.headers["retry-after"] == "1"
    eventually(lambda: api.stored() == before, 10)
    with raw(api.port) as other:
        other.send(LIVE)
        assert other.answer().status == 200


def test_refusals_are_counted(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(b"nonsense\r\n\r\n")
        closing(line)
    figures = api.client.get("/metrics").text
    assert 'classifier_refusals_total{reason="malformed_request"}' in figures


def test_a_hang_up_is_seen_as_before(api: ApiProcess, worker: PlayedWorker) -> None:
    worker.listen_to("no such queue")
    photo = jpeg()
    with raw(api.port) as line:
        line.send(POST + b"Content-Length: %d\r\n\r\n" % len(photo) + photo)
        job_id = waiting_job(worker.client)
    path = f"/jobs/{job_id}"
    eventually(lambda: api.client.get(path).json()["status"] == "cancelled", 5)
