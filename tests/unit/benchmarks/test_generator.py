"""Both generators against a real server: what they count, and what they send."""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks import generator
from benchmarks.load import Client, as_form

PHOTOS = [b"\xff\xd8first", b"\xff\xd8second"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []  # noqa: RUF012 - one for all requests
    statuses = [200]  # noqa: RUF012 - likewise

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(self.statuses[len(self.bodies) % len(self.statuses)])
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Handler.bodies, Handler.statuses = [], [200]
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


def own(url: str, listed: Path) -> list[str]:
    options = ["--connections", "2", "--seconds", "1"]
    return [sys.executable, "-m", "benchmarks.load", url, "file", str(listed), *options]


def orders(url: str, listed: Path) -> list[list[str]]:
    """The chosen generator, and our own where another was chosen."""
    chosen = generator.command(url, "file", listed, 2, 1)
    return [chosen, own(url, listed)] if shutil.which("wrk") else [chosen]


def test_photos_are_sent_in_turn_as_the_field_of_a_form(url: str, listed: Path) -> None:
    for order in orders(url, listed):
        Handler.bodies = []
        loop = generator.run(order, 1)
        assert loop.requests > 10
        assert loop.errors == 0
        assert 0 < loop.p50_ms <= loop.p95_ms <= loop.p99_ms
        for photo in PHOTOS:
            share = sum(photo in body for body in Handler.bodies) / len(Handler.bodies)
            assert 0.4 < share < 0.6
        assert all(b'name="file"; filename=' in body for body in Handler.bodies)


def test_an_answer_other_than_200_is_an_error_and_no_request(url: str, listed: Path) -> None:
    Handler.statuses = [200, 202, 503, 202]
    for order in orders(url, listed):
        Handler.bodies = []
        loop = generator.run(order, 1)
        assert loop.errors / (loop.errors + loop.requests) == pytest.approx(0.75, abs=0.05)


def test_the_middle_of_a_loop_is_announced(url: str, listed: Path) -> None:
    called = []
    generator.run(own(url, listed), 1, lambda: called.append(len(Handler.bodies)))
    assert len(called) == 1
    assert called[0] < len(Handler.bodies)


def test_a_server_that_hangs_up_is_an_error() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def ask() -> int:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/predict"
        client = Client(url, [as_form(url, "file", PHOTOS[0])])
        seen = await client.closed_loop(1, 0.2)
        server.close()
        return len(seen.ends[0])

    assert asyncio.run(ask()) > 0


def test_a_generator_that_fails_is_no_result(tmp_path: Path) -> None:
    order = own("http://127.0.0.1:9/predict", tmp_path / "none.txt")
    with pytest.raises(generator.subprocess.CalledProcessError):
        generator.run(order, 0.1)


def test_what_both_generators_print_is_one_loop() -> None:
    names = json.loads('{"requests": 1, "errors": 0, "seconds": 1, "p50_ms": 1, "p95_ms": 1}')
    with pytest.raises(TypeError, match="p99_ms"):
        generator.Loop(**names, generator_cores=0.0)
