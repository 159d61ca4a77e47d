"""A worker whose upload store is not the API's: it exits, and no photo fails because of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from shared.redis_client import connect
from tests.support.api_process import ApiProcess
from tests.support.live_service import coloured
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess
from worker.main import EXIT_CANNOT_SERVE
from worker.processing.fault_exit import EXIT_FAULT

COUNT = 1_000


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with connect(redis_server.url, 2) as made:
        made.flushall()
        yield made


@pytest.fixture
def api(redis_server: RedisServer, tmp_path: Path, client: Redis) -> ApiProcess:
    """Not started yet."""
    assert client.dbsize() == 0
    return ApiProcess(redis_server.url, tmp_path, MAX_QUEUED_ITEMS="5000")


def worker(api: ApiProcess, folder: Path, uploads: Path, *, restart: bool = False) -> WorkerProcess:
    uploads.mkdir(exist_ok=True)
    env = {"REDIS_URL": api.redis_url, "UPLOADS_URL": uploads.as_uri(), "SCRIPTED_FAST": "1"}
    return WorkerProcess(env, folder / f"{uploads.name}.log", restart=restart)


def submit(api: ApiProcess, count: int) -> str:
    files = [("files", (f"{at}.png", coloured(at % 200))) for at in range(count)]
    return str(api.client.post("/jobs", files=files).headers["location"])


def counts(api: ApiProcess, job: str) -> dict[str, int]:
    eventually(lambda: bool(api.client.get(job).json()["finished_at"]), 60)
    found: dict[str, int] = api.client.get(job).json()["counts"]
    return found


def test_every_photo_succeeds_beside_a_worker_with_another_folder(
    api: ApiProcess, client: Redis, tmp_path: Path
) -> None:
    """The worker starts before any API has said which store it uses."""
    with worker(api, tmp_path, tmp_path / "other", restart=True) as wrong:
        wrong.wait_ready(client)
        with api, worker(api, tmp_path, api.uploads):
            job = submit(api, COUNT)
            assert counts(api, job)["succeeded"] == COUNT
            eventually(lambda: EXIT_CANNOT_SERVE in wrong.exits, 20)
    assert wrong.exits[0] == EXIT_FAULT
    assert "worker: UPLOADS_URL is not the upload store that the API writes to" in wrong.log


def test_a_photo_that_is_really_missing_ends_as_upload_lost_and_ends_no_worker(
    api: ApiProcess, client: Redis, tmp_path: Path
) -> None:
    with api:
        job = submit(api, 10)
        missing = sorted(api.uploads.glob("*.4")) + sorted(api.uploads.glob("*.7"))
        for path in missing:
            path.unlink()
        with worker(api, tmp_path, api.uploads) as right:
            right.wait_ready(client)
            ended = counts(api, job)
            assert (ended["succeeded"], ended["failed"]) == (8, 2)
            assert right.process.poll() is None
        items = api.client.get(f"{job}?limit=10").json()["items"]
        slugs = [item["error"]["type"] for item in items if item["status"] == "failed"]
        assert slugs == ["/problems/upload_lost"] * 2


def test_an_api_marks_a_store_that_was_emptied(api: ApiProcess, client: Redis) -> None:
    with api:
        eventually(lambda: len(list(api.uploads.glob(".store-*"))) == 1, 10)
        first = list(api.uploads.glob(".store-*"))
        shutil.rmtree(api.uploads)
        api.kill()
        api.start()
        eventually(lambda: list(api.uploads.glob(".store-*")) == first, 10)
    assert client.dbsize() > 0
