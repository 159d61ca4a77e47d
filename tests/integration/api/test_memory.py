"""A photo is received into memory that earlier photos have left; an idle API returns it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

MEGABYTES = 4
PHOTO = jpeg() + bytes(MEGABYTES * 1_000_000)
PHOTOS = 20
# 248 without kept memory, less than one with it.
MOST_FAULTS_PER_MB = 60
# Eight photos together take more than the 24 MB that are kept.
CLIENTS = 8
MOST_KEPT_MB = 8


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api")) as process:
        yield process


def page_faults(api: ApiProcess) -> int:
    fields = Path(f"/proc/{api.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[7])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_a_photo_is_received_into_memory_that_is_kept(api: ApiProcess, form: bool) -> None:
    def send() -> float:
        """Page faults for each megabyte."""
        before = page_faults(api)
        sent = {"files": {"file": ("a.jpg", PHOTO)}} if form else {"content": PHOTO}
        assert api.client.post("/predict", **sent).status_code == 200
        return (page_faults(api) - before) / MEGABYTES

    # the median: memory is returned between some of the photos
    assert median(send() for _ in range(PHOTOS)) < MOST_FAULTS_PER_MB


@pytest.mark.usefixtures("worker")
def test_what_many_photos_took_is_returned_when_none_is_received(api: ApiProcess) -> None:
    def send(_: int) -> int:
        return api.client.post("/predict", content=PHOTO).status_code

    assert send(0) == 200
    before = api.memory_mb
    with ThreadPoolExecutor(CLIENTS) as clients:
        assert {*clients.map(send, range(4 * CLIENTS))} == {200}
    eventually(lambda: api.memory_mb < before + MOST_KEPT_MB, 30, lambda: str(api.memory_mb))
