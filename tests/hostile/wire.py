"""Bytes on a connection that no HTTP library would send, and how slowly they come."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import NamedTuple

from tests.hostile.jpegs import jpeg
from tests.hostile.odd import photo

# The service's patience with a slow client: enough for the ordinary ones of a busy machine, less
# than the slow ones here take.
CLIENT_TIMEOUT_S = 5
ANSWER_WITHIN_S = 30.0
SLOW_S = 1.1
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HALF_CLOSE = b""


class Wire(NamedTuple):
    """One connection: bytes to send, and between them seconds to wait."""

    name: str
    steps: Iterable[bytes | float]


def wires() -> Iterator[Wire]:
    """All of them."""
    for name, steps in {**_nonsense(), **_heads(), **_lengths(), **_slow()}.items():
        yield Wire(f"wire-{name}", [steps] if isinstance(steps, bytes) else steps)


def _nonsense() -> dict[str, bytes]:
    return {
        "rubbish": b"\xde\xad\xbe\xef" * 20 + b"\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "http-0.9": b"GET /\r\n\r\n",
        "http-1.0": b"GET /health/live HTTP/1.0\r\n\r\n",
        "http-9.9": b"GET / HTTP/9.9\r\n\r\n",
        "redis": b"*1\r\n$8\r\nFLUSHALL\r\n",
        "no-host": b"GET /health/live HTTP/1.1\r\n\r\n",
        "two-hosts": LIVE + b"Host: y\r\n\r\n",
        "host-with-a-path": b"GET /health/live HTTP/1.1\r\nHost: x/y\r\n\r\n",
        "method-unknown": b"BREW /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        "method-lower-case": b"get /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        "connect": b"CONNECT example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        "options-all": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "absolute-target": b"GET http://evil.example/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        "target-control": b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        "target-beyond-ascii": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        "field-nul": LIVE + b"X: a\0b\r\n\r\n",
        "field-without-colon": LIVE + b"no colon\r\n\r\n",
        "field-space-before-colon": LIVE + b"X : a\r\n\r\n",
        "field-folded": LIVE + b"X: a\r\n b\r\n\r\n",
        "field-empty-name": LIVE + b": a\r\n\r\n",
        "bare-line-feeds": LIVE.replace(b"\r\n", b"\n") + b"\n",
        "pipelined": (LIVE + b"\r\n") * 3,
        "websocket": LIVE + b"Connection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
        "upgrade-http-2": LIVE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "upgrade-unknown": LIVE + b"Connection: Upgrade\r\nUpgrade: gopher/1\r\n\r\n",
    }  # fmt: skip


def _heads() -> dict[str, bytes | Iterable[bytes]]:
    return {
        "target-100-KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "query-100-KB": b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "field-100-KB": LIVE + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        "name-100-KB": LIVE + b"a" * 100_000 + b": x\r\n\r\n",
        "20000-fields": LIVE + b"X: y\r\n" * 20_000 + b"\r\n",
        "field-endless": chain([LIVE + b"X: "], repeat(b"a" * 65_536, 500)),
        "fields-endless": chain([LIVE], repeat(b"X: y\r\n" * 10_000, 500)),
    }


def _lengths() -> dict[str, bytes | Iterable[bytes]]:
    data = jpeg(photo())

    def declared(length: object, body: bytes = data) -> bytes:
        return POST + f"Content-Length: {length}\r\n\r\n".encode() + body

    offered = declared(len(data)).replace(
        b"\r\n\r\n", b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", 1
    )
    both = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    return {
        "length-right": declared(len(data)),
        "length-negative": declared(-1),
        "length-letters": declared("many"),
        "length-plus": declared(f"+{len(data)}"),
        "length-30-digits": declared("9" * 30),
        "length-10-GB": declared(10**10, data[:10]),
        "length-twice": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        "length-too-long": [declared(len(data) + 100), HALF_CLOSE],
        "length-too-short": declared(len(data) // 2),
        "length-none": POST + b"\r\n",
        "length-and-chunked": both,
        "coding-unknown": POST + b"Transfer-Encoding: gzip\r\n\r\n" + data,
        "coding-twice": CHUNKED[:-2] + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "chunk-no-number": CHUNKED + b"zz\r\nab\r\n",
        "chunk-17-digits": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nab\r\n",
        "chunk-longer-than-said": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
        "chunks-of-a-byte": CHUNKED
        + b"".join(b"1\r\n%c\r\n" % byte for byte in data)
        + b"0\r\n\r\n",
        "chunks-endless": chain(
            [CHUNKED], repeat(b"10000\r\n" + b"\xff\xd8\xff\xe0" * 16_384 + b"\r\n", 2_000)
        ),
        "chunks-cut": [CHUNKED + b"5\r\nab", HALF_CLOSE],
        "chunk-extension-endless": chain([CHUNKED + b"1;"], repeat(b"a" * 65_536, 500)),
        "trailers-endless": chain([CHUNKED + b"0\r\n"], repeat(b"X: y\r\n" * 10_000, 500)),
        "expect": POST + f"Content-Length: {len(data)}\r\nExpect: 100-continue\r\n\r\n".encode()
        + data,
        "http-1.0-expect": declared(len(data)).replace(b"HTTP/1.1", b"HTTP/1.0").replace(
            b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n", 1),
        "upgrade-with-photo": offered,
        "upgrade-with-photo-in-pieces": [offered[:60], 0.1, offered[60:-20], 0.1, offered[-20:]],
        "expect-unknown": POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n",
    }  # fmt: skip


def _slow() -> dict[str, Iterable[bytes | float]]:
    part = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    form = POST + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000\r\n\r\n"

    def trickled(start: bytes, piece: bytes) -> Iterable[bytes | float]:
        return chain([start], *repeat((SLOW_S, piece), 12))

    return {
        "slow-head": trickled(LIVE, b"X"),
        "slow-body": trickled(POST + b"Content-Length: 9000\r\n\r\n\xff\xd8\xff", b"\0"),
        "slow-chunks": trickled(CHUNKED, b"1\r\n\xff\r\n"),
        "slow-form": trickled(form + part, b"\xff"),
        "silent": [12.0],
        "silent-within-head": [LIVE, 12.0],
        "silent-within-body": [POST + b"Content-Length: 9000\r\n\r\n\xff\xd8\xff", 12.0],
    }


def exchange(port: int, wire: Wire) -> str:
    """Send it all, as far as it is taken; returns the status of the first answer, or `closed`."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_WITHIN_S) as connection:
        for step in wire.steps:
            if not _sent(connection, step):
                break
        return _status(connection)


def _sent(connection: socket.socket, step: bytes | float) -> bool:
    """Whether there is a reason to go on: no answer yet."""
    try:
        if isinstance(step, float):
            return not _is_answered(connection, step)
        if step == HALF_CLOSE:
            connection.shutdown(socket.SHUT_WR)
        connection.sendall(step)
        return not _is_answered(connection, 0)
    except ConnectionError:
        return False


def _is_answered(connection: socket.socket, within_s: float) -> bool:
    end = time.monotonic() + within_s
    connection.settimeout(within_s or 1e-6)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except (TimeoutError, BlockingIOError):
        time.sleep(max(0, end - time.monotonic()))
        return False
    finally:
        connection.settimeout(ANSWER_WITHIN_S)
    return True


def _status(connection: socket.socket) -> str:
    answer = http.client.HTTPResponse(connection)
    with contextlib.closing(answer):
        try:
            answer.begin()
        except (ConnectionError, http.client.BadStatusLine):
            return "closed"
        return str(answer.status)
