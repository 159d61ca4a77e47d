"""A photo is received into memory that earlier photos have left, not into new pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer

MEGABYTES = 4
PHOTO = jpeg() + bytes(MEGABYTES * 1_000_000)
PHOTOS = 20
# 248 without kept memory, less than one with it.
MOST_FAULTS_PER_MB = 60


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
    def send() -> None:
        sent = {"files": {"file": ("a.jpg", PHOTO)}} if form else {"content": PHOTO}
        assert api.client.post("/predict", **sent).status_code == 200  # type: ignore[arg-type]

    for _ in range(3):
        send()
    before = page_faults(api)
    for _ in range(PHOTOS):
        send()
    assert (page_faults(api) - before) / (PHOTOS * MEGABYTES) < MOST_FAULTS_PER_MB
