"""A run that is interrupted while a batch goes up leaves no job behind that nobody asked for."""

import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from image_classifier_client import ImageClassifier, Job, Photo
from image_classifier_client.cli import sending as sending_module
from image_classifier_client.cli.batches import batches
from image_classifier_client.cli.reading import Entry
from image_classifier_client.cli.sending import Sending, Sent
from tests.support.live_service import LiveService, coloured
from tests.support.scripted_http import Reply, ScriptedHttp


def test_a_job_whose_answer_never_came_is_cancelled_too(
    service: LiveService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(5):
        (tmp_path / f"{at}.png").write_bytes(coloured(at))
    service.worker.process.send_signal(signal.SIGSTOP)
    try:
        with ImageClassifier(service.url) as client, ImageClassifier(service.url) as leaving:
            sending = Sending(client, 3, lambda _: None)
            submit = client.submit

            def interrupted(*photos: object, **options: object) -> Job:
                submit(*photos, **options)  # type: ignore[arg-type]
                raise KeyboardInterrupt

            monkeypatch.setattr(client, "submit", interrupted)
            with pytest.raises(KeyboardInterrupt):
                list(sending.rows(batches(map(str, tmp_path.iterdir()))))
            assert service.redis.zcard("ic:queued:batch") == 5
            assert sending.abandon(leaving) == []
            assert service.redis.zcard("ic:queued:batch") == 0
    finally:
        service.worker.process.send_signal(signal.SIGCONT)


def test_jobs_in_flight_are_cancelled_when_a_run_is_abandoned(
    service: LiveService, tmp_path: Path
) -> None:
    for at in range(5):
        (tmp_path / f"{at}.png").write_bytes(coloured(at))
    service.worker.process.send_signal(signal.SIGSTOP)
    try:
        with ImageClassifier(service.url) as client:
            sending = Sending(client, 3, lambda _: None)
            for batch in batches(map(str, tmp_path.iterdir())):
                sending._submit(batch)
            assert service.redis.zcard("ic:queued:batch") == 5
            assert {row.status for row in sending.abandon(client)} == {"cancelled"}
            assert service.redis.zcard("ic:queued:batch") == 0
    finally:
        service.worker.process.send_signal(signal.SIGCONT)


def sent_and_interrupted(client: ImageClassifier, *photos: Photo) -> Sending:
    """A run with one job in flight, and one whose answer never came."""
    sending = Sending(client, 3, lambda _: None)
    sending._in_flight.append(Sent([Entry("a.png")], "known"))
    sending._going_up = [*photos], "the key"
    return sending


def test_known_jobs_are_cancelled_before_anything_is_sent_again() -> None:
    """Who is in a hurry interrupts a second time."""
    with ScriptedHttp(Reply(404)) as http, ImageClassifier(http.url, retry_for_s=0) as client:
        sent_and_interrupted(client, Photo(coloured(1), "a.png")).abandon(client)
        asked = [(request.method, request.path.partition("?")[0]) for request in http.requests]
    assert asked == [("DELETE", "/jobs/known"), ("POST", "/jobs")]


def test_nobody_waits_until_all_has_gone_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow line takes each piece in time, and all of them in minutes."""
    monkeypatch.setattr(sending_module, "ABANDON_WITHIN_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=trickle, args=(server,), daemon=True).start()
        with ImageClassifier(url, retry_for_s=0, timeout_s=5) as client:
            sending = sent_and_interrupted(client, Photo(bytes(30_000_000), "a.png"))
            sending._in_flight.clear()
            began = time.monotonic()
            assert sending.abandon(client) == []
    assert time.monotonic() - began < 20, "all of it would take twice as long and more"


def trickle(server: socket.socket) -> None:
    with suppress(OSError):
        taken, _ = server.accept()
        with taken:
            while taken.recv(65_536):
                time.sleep(0.1)
