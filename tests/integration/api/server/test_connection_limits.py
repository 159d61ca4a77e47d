"""How many connections there may be, and which is closed for another, against a real uvicorn."""

from contextlib import ExitStack

from tests.integration.api.server.conftest import LIVE, MAX_CONNECTIONS, POST, closing
from tests.support.answers import waiting_job
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.raw_client import raw
from tests.support.served import eventually


def test_an_idle_connection_is_closed_for_a_new_one(api: ApiProcess) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(raw(api.port)) for _ in range(3 * MAX_CONNECTIONS)]
        for line in lines:
            line.send(b"GET / HT")
        with raw(api.port) as other:
            other.send(LIVE)
            assert other.answer().status == 200
        assert lines[0].is_closed(5)


def test_a_connection_that_was_answered_early_is_closed_for_a_new_one(api: ApiProcess) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(raw(api.port)) for _ in range(MAX_CONNECTIONS)]
        for line in lines:
            line.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n1")
            assert line.answer().status == 404
        with raw(api.port) as other:
            other.send(LIVE)
            assert other.answer().status == 200
        assert lines[0].is_closed(5)


def test_connections_beyond_the_limit_get_retry_after(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    photo, before = jpeg(), api.stored()
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            line = stack.enter_context(raw(api.port))
            line.send(POST + b"Prefer: wait=30\r\nContent-Length: %d\r\n\r\n" % len(photo) + photo)
        eventually(lambda: len(api.stored()) == len(before) + MAX_CONNECTIONS, 10)
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


def test_a_disconnect_is_still_noticed(api: ApiProcess, worker: PlayedWorker) -> None:
    worker.listen_to("no such queue")
    photo = jpeg()
    with raw(api.port) as line:
        line.send(POST + b"Content-Length: %d\r\n\r\n" % len(photo) + photo)
        job_id = waiting_job(worker.client)
    path = f"/jobs/{job_id}"
    eventually(lambda: api.client.get(path).json()["status"] == "cancelled", 15)
