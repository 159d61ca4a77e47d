"""Limits on the bytes of a request head, and what is not HTTP, against a real uvicorn."""

import json

import pytest

from tests.integration.api.server.conftest import CHUNKED, LATE_S, LIVE, POST, closing
from tests.support.api_process import ApiProcess
from tests.support.raw_client import RawClient, raw


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
    line.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    answer = closing(line)
    assert (answer.status, answer.slug) == (431, "headers_too_large")


@pytest.mark.parametrize(
    ("path", "shows"),
    [("/hf", True), ("/hf?x=1", True), ("/v2/models/x/infer", True), ("/predict", False)],
)
def test_clients_of_other_services_are_told_where_they_look(
    line: RawClient, path: str, shows: bool
) -> None:
    line.send(f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode() + b"a:\r\n" * 101 + b"\r\n")
    answer = closing(line)
    kind = "application/json" if shows else "application/problem+json"
    assert (answer.status, answer.headers["content-type"]) == (431, kind)
    document = json.loads(answer.body)
    assert document["type"] == "/problems/headers_too_large"
    assert document.get("error") == (document["detail"] if shows else None)


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
            if line.is_answered:
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
def test_malformed_http_is_refused_as_a_problem(line: RawClient, request_bytes: bytes) -> None:
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
