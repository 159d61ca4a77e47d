"""What RFC 9110 and RFC 9112 require of an HTTP/1.1 server, against a real uvicorn."""

import json
from itertools import pairwise

import pytest

from tests.integration.api.server.conftest import LIVE, POST, closing
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.raw_client import RawClient, raw

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
WEBSOCKET = (
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)
PHOTO = jpeg()
NO_HOST = LIVE.replace(b"Host: x\r\n", b"")


def post(photo: bytes, offer: bytes) -> bytes:
    return POST + offer + b"Content-Length: %d\r\n\r\n" % len(photo) + photo


# --- an offered upgrade is ignored (RFC 9110, 7.8) ---


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.usefixtures("worker")
def test_a_photo_with_an_offered_upgrade_is_classified(line: RawClient, offer: bytes) -> None:
    line.send(post(PHOTO, offer))
    assert line.answer().status == 200
    line.send(LIVE)
    assert line.answer().status == 200


@pytest.mark.usefixtures("worker")
def test_an_upgrade_offer_may_arrive_in_any_pieces(api: ApiProcess) -> None:
    whole = post(PHOTO, H2C)
    head = len(whole) - len(PHOTO)
    at = whole.index(b"Upgrade: h2c")
    for cuts in ([at + 3], [at + 7], [head - 4, head - 2], [head], [at, head, head + 10]):
        with raw(api.port) as line:
            for begin, end in pairwise([0, *cuts, len(whole)]):
                line.trickle(whole[begin:end], 0.05, 0.04)
            assert line.answer().status == 200, cuts


@pytest.mark.usefixtures("worker")
def test_a_chunked_body_with_an_offer_is_read(line: RawClient) -> None:
    line.send(POST + H2C + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PHOTO))
    line.send(PHOTO + b"\r\n0\r\n\r\n")
    assert line.answer().status == 200


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_a_body_of_many_chunks_is_whole(line: RawClient, size: int) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    form = head + PHOTO + b"\r\n--b--\r\n"
    pieces = [form[at : at + size] for at in range(0, len(form), size)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    line.send(POST + b"Content-Type: multipart/form-data; boundary=b\r\n")
    line.send(b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + b"0\r\n\r\n")
    assert line.answer().status == 200


@pytest.mark.usefixtures("worker")
def test_upgrade_offers_may_be_pipelined(line: RawClient) -> None:
    get = LIVE[:-2] + H2C + b"\r\n"
    line.send(get + post(PHOTO, H2C) + get)
    assert [line.answer().status for _ in range(3)] == [200] * 3


def test_the_body_of_an_upgrade_offer_is_never_a_request(line: RawClient) -> None:
    line.send(post(LIVE, H2C))
    assert line.answer().slug == "unsupported_media_type"
    line.send(LIVE)
    assert json.loads(line.answer().body) == {"status": "ok"}


# --- Host (RFC 9112, 3.2) ---


@pytest.mark.parametrize(
    "head",
    [
        NO_HOST,
        LIVE.replace(b"Host: x", b"Host: x\r\nHost: y"),
        LIVE.replace(b"Host: x", b"Host: x/../y"),
        LIVE.replace(b"Host: x", b"Host: a b"),
    ],
    ids=["none", "two", "path", "space"],
)
def test_a_request_without_one_valid_host_is_refused(line: RawClient, head: bytes) -> None:
    line.send(head)
    answer = closing(line)
    assert (answer.status, answer.slug) == (400, "malformed_request")
    assert b"Host" in answer.body


@pytest.mark.parametrize("host", [b"x:80", b"[::1]:8000", b"", b"a_b.example", b"127.0.0.1"])
def test_every_valid_host_is_answered(line: RawClient, host: bytes) -> None:
    line.send(LIVE.replace(b"Host: x", b"Host: " + host))
    assert line.answer().status == 200


# --- HTTP/1.0 (RFC 9112, 6.1) ---


def test_http_1_0_needs_no_host(line: RawClient) -> None:
    line.send(NO_HOST.replace(b"1.1", b"1.0"))
    assert closing(line).status == 200


@pytest.mark.parametrize("path", ["results", "results?format=csv", "events"])
@pytest.mark.usefixtures("worker")
def test_http_1_0_gets_no_transfer_encoding(api: ApiProcess, path: str) -> None:
    job = api.client.post("/jobs", files=[("files", PHOTO)] * 3).json()["job_id"]
    with api.client.stream("GET", f"/jobs/{job}/events") as events:
        events.read()
    with raw(api.port) as line:
        line.send(f"GET /jobs/{job}/{path} HTTP/1.0\r\n\r\n".encode())
        got = line.rest()
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == api.client.get(f"/jobs/{job}/{path}").content


@pytest.mark.usefixtures("worker")
def test_http_1_0_gets_no_100_continue(line: RawClient) -> None:
    """RFC 9110, 10.1.1: the expectation of an HTTP/1.0 client is ignored."""
    request = post(PHOTO, b"Expect: 100-continue\r\n")
    line.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert line.answer().status == 200
