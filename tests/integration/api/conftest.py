"""A real Redis and a real uvicorn, shared by the tests of one file."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.support.api_process import ApiProcess
from tests.support.played_worker import BOTH, PlayedWorker, succeed
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

# Settings small enough that a test can go beyond them.
LIMITS = {"MAX_UPLOAD_BYTES": "200000", "MAX_JOB_BYTES": "3000000", "MAX_JOB_ITEMS": "50"}


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start("--appendfsync", "everysec")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    folder: Path = tmp_path_factory.mktemp("api")
    with ApiProcess(shared_redis.url, folder, **LIMITS) as process:
        yield process


@pytest.fixture
def api(running_api: ApiProcess) -> Iterator[ApiProcess]:
    """The file's api; whatever a test sent, the log shows no fault of the api itself."""
    start = running_api.log.stat().st_size
    yield running_api
    log = running_api.log.read_bytes()[start:].decode()
    assert "Traceback" not in log, log
    with Redis.from_url(running_api.redis_url) as client:
        client.delete("interactive", "batch", "ic:queued:interactive", "ic:queued:batch")


@pytest.fixture
def client(api: ApiProcess) -> httpx.Client:
    return api.client


@pytest.fixture(scope="module")
def running_worker(running_api: ApiProcess) -> Iterator[PlayedWorker]:
    with PlayedWorker(running_api.redis_url) as played:
        wait_for_status(running_api.client, 200)
        yield played


@pytest.fixture
def worker(running_worker: PlayedWorker) -> Iterator[PlayedWorker]:
    """A worker that the api knows of; a test may change how it answers."""
    yield running_worker
    running_worker.answer = succeed
    running_worker.listen_to(*BOTH)


def wait_for_status(client: httpx.Client, status: int) -> None:
    """Until the api has seen what the test has changed."""
    eventually(lambda: client.get("/health/ready").status_code == status, 15)
