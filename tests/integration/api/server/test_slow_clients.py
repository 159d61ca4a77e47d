"""How slowly a client may send and read, against a real uvicorn."""

import time

import pytest

from tests.integration.api.server.conftest import CHUNKED, LATE_S, LIVE, POST, closing, open_files
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.raw_client import RawClient, raw
from tests.support.served import eventually

JPEG = b"\xff\xd8\xff\xe0" + b"a" * 12
BUNDLE = b"GET /swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


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
        eventually(lambda: api.stored() != before, 15)
        assert closing(line).slug == "request_timeout"
    eventually(lambda: api.stored() == before, 15)


@pytest.mark.usefixtures("worker")
def test_a_steady_body_is_accepted(line: RawClient) -> None:
    line.send(POST + b"Content-Length: 5000\r\n\r\n\xff\xd8\xff")
    for _ in range(49):  # 1,000 bytes a second, for two timeouts
        line.send(b"a" * 100)
        time.sleep(0.1)
    line.send(b"a" * 97)
    assert line.answer().status == 200


def test_a_slow_body_after_an_early_response_is_cut_off(api: ApiProcess) -> None:
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


def test_a_client_that_reads_nothing_is_disconnected(api: ApiProcess) -> None:
    before = open_files(api)
    with raw(api.port, receive_buffer=4_096) as line:
        line.send(BUNDLE * 8)
        eventually(lambda: open_files(api) > before, 15)
        # fewer, where a connection of an earlier test was still closing
        eventually(lambda: open_files(api) <= before, 5 * LATE_S)
