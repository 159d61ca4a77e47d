"""Two thousand photos in one request: in order, within the memory that was promised."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

PHOTOS = 2_000
MEMORY_MB = 150


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    """With the limits that a user has."""
    folder: Path = tmp_path_factory.mktemp("api")
    with ApiProcess(shared_redis.url, folder) as process:
        yield process


def body(photo: bytes) -> Iterator[bytes]:
    for at in range(PHOTOS):
        yield (
            f'--x\r\nContent-Disposition: form-data; name="files"; filename="{at}.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        yield photo + b"\r\n"
    yield b"--x--\r\n"


def test_two_thousand_photos_upload_within_bounds_while_predict_answers(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("interactive")
    photo = jpeg() + bytes(60_000)
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], api.memory_mb)
            assert api.client.post("/predict", content=photo).status_code == 200

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = _post(api, photo, headers)
    finally:
        done.set()
        watcher.join()
    assert answer["counts"]["total"] == PHOTOS
    assert len(answer["items"]) == 100
    assert peak[0] < MEMORY_MB
    eventually(lambda: worker.client.llen("batch") == PHOTOS, 20)
    worker.listen_to("interactive", "batch")
    where = f"/jobs/{answer['job_id']}"
    eventually(lambda: api.client.get(where).json()["status"] == "completed", 60)
    last = api.client.get(where, params={"offset": 1000, "limit": 1000}).json()["items"]
    assert [item["filename"] for item in last] == [f"{at}.jpg" for at in range(1000, PHOTOS)]
    assert api.memory_mb < MEMORY_MB


def _post(api: ApiProcess, photo: bytes, headers: dict[str, str]) -> dict[str, Any]:
    with httpx.Client(timeout=120, trust_env=False) as client:
        answer = client.post(f"{api.url}/jobs", content=body(photo), headers=headers)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job
