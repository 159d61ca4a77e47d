"""2,000 photos through one ``POST /jobs``, beside waiting requests, with a real model."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import pytest

from tests.support.photos import free_port, jpeg
from tests.support.served import Served, eventually

PHOTOS = 2_000
API_MEMORY_BYTES = 150 * 1024 * 1024
NAMES = ("chelsea", "coffee", "rocket", "astronaut", "camera", "coins", "page", "clock")
# A person's pace: a closed loop would measure how slowly a batch goes beside a flood.
PACE_S = 0.25
# No promise of speed: the processors that take longest need minutes.
ENDS_WITHIN_S = 600
# Below this a neighbour in the batch may change the order of the first two in reduced precision.
SURE = 0.5


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def served(uploads: Path) -> Iterator[Served]:
    service = Served(free_port(), UPLOADS_URL=uploads.as_uri())
    try:
        yield service.ready()
    finally:
        service.end_if_running()


class Peak:
    """The most memory that a process held, looked at twenty times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self.bytes = 0
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.bytes = max(self.bytes, self._process.memory_info().rss)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def items_of(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """Every page of a job, followed as ``next`` says."""
    items: list[dict[str, Any]] = []
    page: str | None = f"/jobs/{job_id}?limit=700"
    while page:
        answer = client.get(page).json()
        items += answer["items"]
        page = answer["next"]
    return items


@pytest.mark.timeout(900)
def test_two_thousand_photos_end_in_order_while_predict_keeps_answering(
    served: Served, uploads: Path
) -> None:
    photos = [(f"{name}.jpg", jpeg(name)) for name in NAMES]
    with httpx.Client(base_url=served.url, timeout=120, trust_env=False) as client:
        alone = [client.post("/predict", files={"file": photo}).json() for photo in photos]
        with Peak(served.child("uvicorn")) as api, ThreadPoolExecutor(1) as pool:
            files = [("files", photo) for photo in islice(cycle(photos), PHOTOS)]
            posted = pool.submit(client.post, "/jobs", files=files)
            answers = []
            while not posted.done():
                answers.append(served.predict().status_code)
                time.sleep(PACE_S)
            job = posted.result().json()
            assert posted.result().status_code == 202, job

            def ended() -> bool:
                answers.append(served.predict().status_code)
                time.sleep(PACE_S)
                counts.update(client.get(f"/jobs/{job['job_id']}?limit=1").json()["counts"])
                return counts["succeeded"] == PHOTOS

            counts: dict[str, int] = {}
            eventually(ended, ENDS_WITHIN_S, served.screen)
        items = items_of(client, job["job_id"])
    assert counts["total"] == PHOTOS
    assert sum(counts.values()) == 2 * PHOTOS
    assert [item["filename"] for item in items] == [
        name for name, _ in islice(cycle(photos), PHOTOS)
    ]
    for item, single in zip(items, islice(cycle(alone), PHOTOS), strict=True):
        first = single["predictions"][0]
        if first["confidence"] > SURE:
            assert item["predictions"][0]["class_index"] == first["class_index"]
    assert set(answers) == {200}
    assert api.bytes < API_MEMORY_BYTES
    eventually(lambda: not any(uploads.glob("[!.]*")), 15)
