"""Both clients of the SDK, by the same tests, with a real api and worker."""

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_classifier_client import (
    JobNotFound,
    Photo,
    ProblemError,
    api_requests,
)
from tests.integration.client.clients import Client
from tests.support.live_service import LiveService, coloured
from tests.support.scripted_http import Reply, ScriptedHttp
from tests.support.wire import COUNTS, JOB


@pytest.fixture
def client(kind: type[Client], service: LiveService) -> Iterator[Client]:
    client = kind(service.url)
    yield client
    client.close()


def test_a_photo_can_be_passed_in_several_forms(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "käse.png"
    path.write_bytes(coloured(7))
    with path.open("rb") as file:
        sources = [path, str(path), path.read_bytes(), file, io.BytesIO(coloured(7))]
        answers = [client.predict(source, top_k=2) for source in sources]
    assert [answer.filename for answer in answers] == [
        "käse.png", "käse.png", "photo", "käse.png", "photo"
    ]  # fmt: skip
    for answer in answers:
        assert [prediction.class_index for prediction in answer.predictions] == [7, 0]
        assert answer.model.name == "scripted"
        assert answer.timing_ms.total > 0


def test_classes_below_the_least_confidence_are_left_out(client: Client) -> None:
    """The scripted model is 0.9 sure of one class."""
    [only] = client.predict(coloured(7), min_confidence=0.5).predictions
    assert (only.class_index, only.wnid) == (7, None)
    assert client.predict(coloured(7), min_confidence=0.95).predictions == []
    job = client.submit([coloured(1), coloured(2)], min_confidence=0.95)
    assert [item.predictions for item in client.results(job.job_id)] == [[], []]
    with pytest.raises(ProblemError, match="min_confidence"):
        client.predict(coloured(7), min_confidence=1.5)


def test_a_job_from_its_start_to_its_results(client: Client) -> None:
    seen: list[int] = []
    photos = [Photo(coloured(at), f"{at}.png") for at in range(5)]
    job = client.submit([*photos, Photo(b"hello", "notes.txt")], top_k=1)
    done = client.wait(job.job_id, on_progress=lambda job: seen.append(job.counts.ended))
    assert (done.status, done.counts.succeeded, done.counts.failed) == ("completed", 5, 1)
    assert seen[-1] == 6
    items = list(client.results(job.job_id))
    assert [item.filename for item in items] == [*(f"{at}.png" for at in range(5)), "notes.txt"]
    assert [item.predictions[0].class_index for item in items[:5] if item.predictions] == [
        0, 1, 2, 3, 4
    ]  # fmt: skip
    assert items[5].error is not None
    assert items[5].error.slug == "unsupported_media_type"
    assert client.job(job.job_id, offset=4, limit=1).items[0].index == 4
    assert client.cancel(job.job_id).status == "completed"


def test_the_same_photos_under_the_same_key_are_the_same_job(client: Client) -> None:
    photos, key = [coloured(at) for at in range(3)], uuid.uuid4().hex
    job = client.submit(photos, idempotency_key=key)
    assert client.submit(photos, idempotency_key=key).job_id == job.job_id
    assert client.submit(photos).job_id != job.job_id
    with pytest.raises(ProblemError, match="idempotency_conflict"):
        client.submit(photos, top_k=5, idempotency_key=key)


def test_results_are_read_page_by_page(kind: type[Client]) -> None:
    items = [{"index": at, "status": "cancelled"} for at in range(2_001)]
    finished = {**JOB, "finished_at": JOB["created_at"], "counts": {**COUNTS, "total": 2_001}}
    pages = [{**finished, "items": items[at : at + 1_000]} for at in (0, 1_000, 2_000)]
    replies = [Reply(200, json.dumps(body).encode()) for body in (finished, *pages)]
    with ScriptedHttp(*replies) as server:
        client = kind(server.url)
        try:
            assert [item.index for item in client.results("1")] == list(range(2_001))
        finally:
            client.close()
    assert [request.path for request in server.requests[1:]] == [
        f"/jobs/1?offset={offset}&limit=1000" for offset in (0, 1_000, 2_000)
    ]


def test_health_and_model(client: Client) -> None:
    health = client.health()
    assert (health.status, len(health.workers)) == ("ok", 1)
    model = client.model()
    assert (model.name, len(model.classes)) == ("scripted", 256)


def test_one_photo_can_be_submitted_by_itself(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(coloured(7))
    pixels = np.full((32, 32, 3), (0, 7, 0), np.uint8)
    for photo in (str(path), path, coloured(7), Photo(coloured(7)), Image.open(path), pixels):
        job = client.submit(photo)
        [item] = client.results(job.job_id)
        assert item.predictions is not None
        assert item.predictions[0].class_index == 7
    with path.open("rb") as file:
        assert client.submit(file).counts.total == 1
    assert client.submit(np.stack([pixels, pixels])).counts.total == 2


def test_images_in_memory_are_classified_as_their_files(client: Client) -> None:
    for mode in ("RGB", "RGBA", "CMYK", "YCbCr", "P"):
        image = Image.new("RGB", (40, 30), (0, 51, 0)).convert(mode)
        answer = client.predict(image)
        assert abs(answer.predictions[0].class_index - 51) <= 1, mode
    for pixels in (
        np.full((30, 40, 3), (0, 51, 0), np.uint8),
        np.full((30, 40, 4), (0, 51, 0, 255), np.uint8),
    ):
        assert client.predict(pixels).predictions[0].class_index == 51
        assert client.predict(pixels[::-1, ::2]).predictions[0].class_index == 51
    grey = np.full((30, 40), 51, np.uint8)
    assert client.predict(grey).predictions[0].class_index == 51


def test_other_types_raise_a_type_error_that_lists_the_accepted_ones(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(coloured(7))
    with (tmp_path / "cat.png").open(encoding="latin-1") as text:
        for source in (
            None,
            5,
            ["cat.png"],
            text,
            io.StringIO("x"),
            Photo("cat.png"),
            np.zeros((3, 8, 8)),
            np.zeros((3, 8, 8), np.uint8),
            np.zeros((0, 8, 3), np.uint8),
        ):  # type: ignore[arg-type]
            with pytest.raises(TypeError, match=r"a photo is|uint8|mode 'rb'"):
                client.predict(source)
        for source in (5, [5], [None], text, [["cat.png"]]):
            with pytest.raises(TypeError, match=r"a photo is|mode 'rb'"):
                client.submit(source)
    with pytest.raises(ValueError, match="no photos"):
        client.submit([])


def test_errors_carry_the_problem(client: Client) -> None:
    with pytest.raises(ProblemError) as caught:
        client.predict(b"hello")
    assert (caught.value.slug, caught.value.status) == ("unsupported_media_type", 415)
    assert "JPEG or PNG" in caught.value.detail
    for call in (client.job, client.wait, client.cancel):
        with pytest.raises(JobNotFound):
            call("0" * 32)
    with pytest.raises(ProblemError, match="upload_too_large"):
        client.submit([coloured(1)] * 9)


def test_jobs_are_listed_newest_first(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_requests, "JOBS_PAGE", 2)
    made = [client.submit([coloured(at), coloured(at)]).job_id for at in range(5)]
    for job_id in made:
        client.wait(job_id)
    listed = list(client.jobs())
    assert [job.job_id for job in listed[:5]] == made[::-1]
    assert (listed[0].status, listed[0].counts.total, listed[0].items) == ("completed", 2, [])
    completed = [job for job in listed if job.status == "completed"]
    assert list(client.jobs("completed")) == completed
    with pytest.raises(ProblemError, match="status: Input should be 'queued'"):
        list(client.jobs(status="done"))
