"""S3-compatible stores that refuse to delete many objects at once: a real HTTP server for each."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.uploads import UploadStore, open_uploads
from tests.support.proxies import DEAD_PROXY


@dataclass
class Refusing:
    """What the server answers, and what it was asked."""

    bulk: int
    single: int = 204
    text: bytes = b""  # the body of the answer to a bulk delete
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(answers: Refusing, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadStore]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, text: bytes = b"") -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answers.asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            self.answer(answers.bulk, answers.text)

        def do_DELETE(self) -> None:
            self.answer(answers.single)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    try:
        yield open_uploads("s3://bucket/uploads")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused(code: str) -> bytes:
    """What S3 answers with 200 if it refuses one of the objects."""
    error = f"<Key>uploads/a.0</Key><Code>{code}</Code><Message>refused</Message>"
    return f"<DeleteResult><Error>{error}</Error></DeleteResult>".encode()


@pytest.mark.parametrize(
    ("status", "text"),
    [(status, b"") for status in (400, 403, 404, 405, 411, 422, 501)]
    + [(200, refused("AccessDenied")), (200, refused("InternalError"))]
    + [(200, b"<html>"), (200, b"")],
)
def test_objects_are_deleted_one_by_one_where_many_at_once_are_refused(
    status: int, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Refusing(bulk=status, text=text)
    with serving(answers, monkeypatch) as store:
        store.delete("a.0", "a.1")
        store.delete("a.2")
    posts = [line for line in answers.asked if line.startswith("POST /bucket?delete")]
    assert answers.asked[: len(posts)] == posts, "it does not try again what was refused"
    assert sorted(answers.asked[len(posts) :]) == [
        f"DELETE /bucket/uploads/a.{index}" for index in range(3)
    ]


@pytest.mark.parametrize("keys", [["a.0"], ["a.0", "a.1"]])
def test_a_store_that_refuses_both_raises(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Refusing(bulk=403, single=403)
    with (
        serving(answers, monkeypatch) as store,
        pytest.raises(OSError, match="403 Forbidden"),
    ):
        store.delete(*keys)


def test_the_setting_of_the_library_switches_deletes_of_many_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DISABLE_BULK_DELETE", "true")
    answers = Refusing(bulk=501)
    with serving(answers, monkeypatch) as store:
        store.delete("a.0", "a.1")
    assert sorted(answers.asked) == ["DELETE /bucket/uploads/a.0", "DELETE /bucket/uploads/a.1"]


@pytest.mark.parametrize(
    ("status", "text"),
    [(500, b""), (503, b""), (404, b"<Error><Code>NoSuchBucket</Code></Error>")],
)
def test_a_store_that_is_out_of_order_is_not_asked_for_each_object(
    status: int, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Refusing(bulk=status, text=text)
    with serving(answers, monkeypatch) as store, pytest.raises(OSError, match=str(status)):
        store.delete("a.0", "a.1")
    assert not [line for line in answers.asked if line.startswith("DELETE")]


def test_a_store_on_this_machine_is_reached_without_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in DEAD_PROXY.items():
        monkeypatch.setenv(name, value)
    answers = Refusing(bulk=501)
    with serving(answers, monkeypatch) as store:
        store.delete("a.0")
    assert answers.asked[-1] == "DELETE /bucket/uploads/a.0"
