"""The real service and a real browser, once for all; a visit per test."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.api_process import ApiProcess
from tests.support.browser import Visit, chromium
from tests.support.photos import free_port, jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import Served, eventually

expect.set_options(timeout=20_000)
Visiting = Callable[..., Visit]
KEY = "ic_" + "k" * 43
# small enough that a few photos are too many
SMALL = {"MAX_JOB_ITEMS": "10", "MAX_QUEUED_ITEMS": "20"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def running_service() -> Iterator[Served]:
    service = Served(free_port())
    try:
        yield service.ready()
    finally:
        service.end_if_running()


@pytest.fixture
def service(running_service: Served) -> Iterator[Served]:
    """`make serve` with a real model; a test may break it and must find it mended."""
    yield running_service
    eventually(lambda: running_service.health().status_code == 200, 60, running_service.screen)


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Visiting]:
    """Opens tabs, and looks at the end whether the browser complained."""
    visits: list[Visit] = []

    def visit(url: str, **options: object) -> Visit:
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield visit
    for each in visits:
        each.close()


@pytest.fixture
def visit(visiting: Visiting, service: Served) -> Visit:
    """A tab on the real service."""
    return visiting(service.url)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have them: photos, a broken one, and something else."""
    folder = tmp_path_factory.mktemp("holiday")
    for at in range(20):
        name = ("chelsea", "coffee", "rocket", "astronaut")[at % 4]
        (folder / f"{at:02} {name}.jpg").write_bytes(jpeg(name))
    (folder / "broken.jpg").write_bytes(jpeg()[:4000])
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    redis = RedisServer(tmp_path / "redis")
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture
def small_api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """An api with small limits, whose worker a test plays."""
    with ApiProcess(redis_server.url, tmp_path, **SMALL) as api:
        yield api


@pytest.fixture
def keyed_api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """An api that one key opens."""
    entry = f"somebody:{hashlib.sha256(KEY.encode()).hexdigest()}"
    with ApiProcess(redis_server.url, tmp_path, API_KEYS=entry) as api:
        yield api


@pytest.fixture
def worker(small_api: ApiProcess) -> Iterator[PlayedWorker]:
    report = {"model": "played", "precision": "fp32", "rate_per_s": 20.0}
    with PlayedWorker(small_api.redis_url, **report) as worker:
        eventually(lambda: small_api.client.get("/health/ready").status_code == 200, 15)
        yield worker
