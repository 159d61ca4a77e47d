"""The generator against a real server: what it counts, and what it sends."""

import asyncio
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CalledProcessError
from threading import Thread

import pytest

from benchmarks.harness import generator
from benchmarks.harness.load import NO_ANSWER, Client, as_form

PHOTOS = [b"\xff\xd8first", b"\xff\xd8second"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []  # noqa: RUF012 - one for all requests
    statuses = [200]  # noqa: RUF012 - as above
    takes_s = 0.01
    chunked = False

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        status = self.statuses[len(self.bodies) % len(self.statuses)]
        time.sleep(self.takes_s)
        self.send_response(status)
        if self.chunked:
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        else:
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Handler.bodies, Handler.statuses, Handler.takes_s, Handler.chunked = [], [200], 0.01, False
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/predict"
        server.shutdown()


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    names = []
    for number, photo in enumerate(PHOTOS):
        name = tmp_path / f"{number}.jpg"
        name.write_bytes(photo)
        names.append(str(name))
    file = tmp_path / "photos.txt"
    file.write_text("\n".join(names) + "\n")
    return file


def test_photos_are_sent_in_turn_as_the_field_of_a_form(url: str, listed: Path) -> None:
    loop = generator.run(url, listed, 2, 0.5)
    assert loop.requests == len(Handler.bodies) > 4
    assert loop.errors == 0
    assert 10 < loop.p50_ms <= loop.p95_ms <= loop.p99_ms
    shares = [sum(photo in body for body in Handler.bodies) for photo in PHOTOS]
    assert abs(shares[0] - shares[1]) <= 1
    assert all(b'name="file"; filename=' in body for body in Handler.bodies)


def test_an_answer_may_come_in_chunks(url: str, listed: Path) -> None:
    Handler.chunked = True
    loop = generator.run(url, listed, 2, 0.5)
    assert loop.requests == len(Handler.bodies) > 4
    assert loop.errors == 0


def test_an_answer_other_than_200_is_an_error_and_no_request(url: str, listed: Path) -> None:
    Handler.statuses = [200, 202, 503, 202]
    loop = generator.run(url, listed, 1, 0.5)
    assert loop.requests + loop.errors == len(Handler.bodies)
    assert loop.errors == sum(number % 4 != 0 for number in range(1, len(Handler.bodies) + 1))


def test_what_is_under_way_at_the_end_is_waited_for_and_counts(url: str, listed: Path) -> None:
    Handler.takes_s = 1.5
    loop = generator.run(url, listed, 4, 1)
    assert loop.requests == 4
    assert loop.seconds > 1.5
    assert loop.per_s < 4 / 1.5


def test_the_middle_of_a_loop_is_announced(url: str, listed: Path) -> None:
    called = []
    generator.run(url, listed, 1, 1, lambda: called.append(len(Handler.bodies)))
    assert len(called) == 1
    assert called[0] < len(Handler.bodies)


def test_a_server_that_hangs_up_is_an_error() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def ask() -> int:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/predict"
        seen = await Client(url, [as_form(url, PHOTOS[0])]).closed_loop(1, 0.2)
        server.close()
        return len(seen.ends[NO_ANSWER])

    assert asyncio.run(ask()) > 0


def test_a_generator_that_fails_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(CalledProcessError):
        generator.run("http://127.0.0.1:9/predict", tmp_path / "none.txt", 1, 0.1)
