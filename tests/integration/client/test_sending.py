"""A run that is interrupted while a batch goes up leaves no job behind that nobody asked for."""

import signal
from pathlib import Path

import pytest

from image_classifier_client import ImageClassifier, Job
from image_classifier_client.cli.batches import batches
from image_classifier_client.cli.sending import Sending
from tests.support.live_service import LiveService, coloured


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
