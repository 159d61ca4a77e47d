"""A run that is interrupted leaves no job behind."""

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from image_classifier_client import ImageClassifier, Job
from image_classifier_client.cli.job_sender import JobSender
from image_classifier_client.cli.photos.batches import batches
from tests.support.live_service import LiveService, coloured
from tests.support.scripted_http import Reply, ScriptedHttp
from tests.support.wire import JOB


class InterruptedClient(ImageClassifier):
    """Interrupted as soon as the service has accepted a certain job, or in the first wait.

    Args:
        url: URL of the service.
        job: The number of the job, from 1; 0 for the wait.
    """

    def __init__(self, url: str, job: int) -> None:
        super().__init__(url)
        self._job = job
        self._jobs = 0

    def submit(self, *photos: Any, **options: Any) -> Job:
        job = super().submit(*photos, **options)
        self._jobs += 1
        if self._jobs == self._job:
            raise KeyboardInterrupt
        return job

    def wait(self, *_: Any, **__: Any) -> Job:
        raise KeyboardInterrupt


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{at}.png" for at in range(5)]
    for at, path in enumerate(paths):
        path.write_bytes(coloured(at))
    return list(map(str, paths))


@pytest.fixture
def stopped(service: LiveService) -> Iterator[LiveService]:
    """The service with a worker that does nothing."""
    service.worker.process.send_signal(signal.SIGSTOP)
    yield service
    service.worker.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(("job", "statuses"), [(0, {"cancelled"}), (1, set())])
def test_jobs_are_cancelled_even_if_the_client_never_saw_their_id(
    stopped: LiveService, photos: list[str], job: int, statuses: set[str]
) -> None:
    with InterruptedClient(stopped.url, job) as client, ImageClassifier(stopped.url) as quick:
        sender = JobSender(client, 3, lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            list(sender.rows(batches(photos)))
        assert stopped.redis.zcard("ic:queued:batch") == 5
        assert {row.status for row in sender.cancel(quick)} == statuses
        assert stopped.redis.zcard("ic:queued:batch") == 0


def test_known_jobs_are_cancelled_before_anything_is_sent_again(photos: list[str]) -> None:
    """A user in a hurry interrupts a second time."""
    accepted = Reply(202, json.dumps(JOB).encode())
    with ScriptedHttp(accepted, accepted, Reply(404)) as http:
        with (
            InterruptedClient(http.url, 2) as client,
            ImageClassifier(http.url, retry_for_s=0) as quick,
        ):
            sender = JobSender(client, 3, lambda _: None)
            with pytest.raises(KeyboardInterrupt):
                list(sender.rows(batches(photos, max_photos=3)))
            sender.cancel(quick)
        requests = [(request.method, request.path.partition("?")[0]) for request in http.requests]
    assert requests[2:] == [("DELETE", "/jobs/1"), ("POST", "/jobs")]


def test_the_user_does_not_wait_for_a_whole_upload(tmp_path: Path) -> None:
    """On a slow connection every packet arrives in time, and the last one in minutes."""
    (tmp_path / "a.png").write_bytes(coloured(1) + bytes(30_000_000))
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        uploaded: list[int] = []
        serving = threading.Thread(
            target=serve_slowly, args=(server, left.is_set, uploaded), daemon=True
        )
        serving.start()
        with InterruptedClient(url, 1) as client, ImageClassifier(url, retry_for_s=0) as quick:
            sender = JobSender(client, 3, lambda _: None, cancel_timeout_s=0.5)
            with pytest.raises(KeyboardInterrupt):
                list(sender.rows(batches([str(tmp_path / "a.png")])))
            sender.cancel(quick)
            left.set()
        serving.join()
    assert 0 < uploaded[0] < 30_000_000


def serve_slowly(server: socket.socket, left: Callable[[], bool], uploaded: list[int]) -> None:
    """Accept a job at once; read the next upload in small pieces until the client has left."""
    first, _ = server.accept()
    with first:
        read = 0
        while read < 30_000_000:
            read += len(first.recv(65_536))
        body = json.dumps(JOB).encode()
        first.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        second, _ = server.accept()
        with second, suppress(OSError):
            second.settimeout(0.05)
            uploaded.append(0)
            while not left():
                with suppress(TimeoutError):
                    uploaded[0] += len(second.recv(4_096))
                threading.Event().wait(0.05)
