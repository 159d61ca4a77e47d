"""An uploads folder in which a larger photo cannot be written, as on a disk that is nearly full."""

import base64
import resource
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.api.conftest import wait_for_status
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.played_worker import PlayedWorker
from tests.support.served import eventually

WRITTEN = 100_000  # bytes of a file that can still be written
SMALL, LARGE = (b"\xff\xd8\xff" + bytes(size) for size in (1_000, WRITTEN + 1))


def infer(*photos: bytes) -> dict[str, Any]:
    data = [base64.b64encode(photo).decode() for photo in photos]
    tensor = {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return {"json": {"inputs": [tensor]}}


def form(*photos: bytes) -> dict[str, Any]:
    return {"files": [("files", ("a.jpg", photo)) for photo in photos]}


def raw(*photos: bytes) -> dict[str, Any]:
    return {"content": photos[-1]}


REQUESTS: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "predict": ("/predict", raw),
    "batch": ("/jobs", form),
    "hf": ("/hf", raw),
    "v2": ("/v2/models/played/infer", infer),
}


@pytest.fixture
def full_disk(api: ApiProcess) -> Iterator[ApiProcess]:
    """The api, unable to write a file that is larger than ``WRITTEN``, its log included."""
    process = psutil.Process(api.process.pid)
    before = process.rlimit(resource.RLIMIT_FSIZE)
    api.log.write_bytes(b"")
    process.rlimit(resource.RLIMIT_FSIZE, (WRITTEN, before[1]))
    yield api
    process.rlimit(resource.RLIMIT_FSIZE, before)


def sent(api: ApiProcess, name: str, *photos: bytes) -> httpx.Response:
    path, request = REQUESTS[name]
    return api.client.post(path, **request(*photos))


def left(api: ApiProcess) -> set[str]:
    """Uploads and halves of uploads; the store's marker is neither."""
    return {path.name for path in api.uploads.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_photo_that_cannot_be_stored_leaves_nothing_behind(
    full_disk: ApiProcess, name: str
) -> None:
    with PlayedWorker(full_disk.redis_url, model="played"):
        wait_for_status(full_disk.client, 200)
        before = left(full_disk)
        answer = sent(full_disk, name, SMALL, LARGE)
        assert answer.status_code == 503
        assert slug(answer) == "broker_unavailable"
        assert "cannot be stored" in answer.json()["detail"]
        eventually(lambda: left(full_disk) <= before, 10, lambda: str(left(full_disk)))
        assert sent(full_disk, name, SMALL).status_code < 300, "a smaller one still has room"
