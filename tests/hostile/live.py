"""The service that the corpus is sent to, and what is read from its answers."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import psutil

from tests.hostile.odd import Picture
from tests.hostile.wire import CLIENT_TIMEOUT_S
from tests.support.photos import free_port
from tests.support.served import Served

AT_ONCE = 8
# However deep the queue: none of this is about speed.
PATIENT = {"prefer": "wait=120"}
# A photo that is merely large is not such a case: its client retries when asked to.
TRIES = 5
PROBLEM = "application/problem+json"

T = TypeVar("T")


class Live:
    """``make serve`` with a real model, and clients of it.

    Args:
        settings: Of the service, over the defaults.
    """

    def __init__(self, **settings: str) -> None:
        self.port = free_port()
        self.served = Served(self.port, CLIENT_TIMEOUT_S=str(CLIENT_TIMEOUT_S), **settings)
        # given up before the service does, which would cross with the next request
        limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=2)
        self.client = httpx.Client(
            base_url=self.served.url, timeout=150, trust_env=False, limits=limits
        )

    def processes(self) -> dict[str, psutil.Process]:
        """Api and worker."""
        return {mark: self.served.child(mark) for mark in ("api.main", "worker.main")}

    def predict(self, data: bytes) -> httpx.Response:
        """Ask for a photo's five most probable classes, in a form."""
        return self.client.post(
            "/predict", files={"file": ("a", data)}, params={"top_k": 5}, headers=PATIENT
        )

    def predict_json(self, coded: str) -> httpx.Response:
        """Ask for a photo that is base64 in JSON; several large ones can be too many at once."""
        return come_again(
            lambda: self.client.post("/predict", json={"image": coded}, headers=PATIENT)
        )

    def job(self, pictures: Iterable[Picture]) -> list[dict[str, Any]]:
        """Send all of them as one batch; returns its items once all have ended."""
        files = [("files", (picture.name, picture.data)) for picture in pictures]
        answer = come_again(lambda: self.client.post("/jobs", files=files))
        assert answer.status_code == 202, answer.text
        path = answer.headers["location"]
        while self.client.get(path).json().get("finished_at") is None:
            time.sleep(0.5)
        return list(self._items(path + "?limit=500"))

    def _items(self, path: str | None) -> Iterator[dict[str, Any]]:
        while path:
            page = self.client.get(path).json()
            yield from page["items"]
            path = page["next"]

    def end(self) -> None:
        """Stop it, and leave nothing."""
        self.client.close()
        self.served.end_if_running()


def come_again(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """As a client does that is told to: after as long as it is told, a few times."""
    answer = ask()
    for _ in range(TRIES - 1):
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers["retry-after"]))
        answer = ask()
    return answer


def side_by_side(call: Callable[[Any], T], values: Iterable[Any]) -> Iterator[T]:
    """As many at a time as a worker has threads."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(call, values)


def said(answer: httpx.Response) -> str:
    """Status and slug, as the table writes them."""
    if answer.headers.get("content-type") != PROBLEM or not answer.content:
        return str(answer.status_code)
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    return said_of(problem)


def said_of(problem: dict[str, Any]) -> str:
    """The same of a problem document."""
    return f"{problem['status']} {problem['type'].removeprefix('/problems/')}"


def differs(odd: list[dict[str, Any]], plain: list[dict[str, Any]], most: float) -> str | None:
    """In what two answers differ: the first class, or a confidence by more than ``most``."""
    if odd[0]["label"] != plain[0]["label"]:
        return f"{odd[0]['label']} instead of {plain[0]['label']}"
    confidences = {one["label"]: one["confidence"] for one in plain}
    furthest = max(
        abs(one["confidence"] - confidences.get(one["label"], one["confidence"])) for one in odd
    )
    return f"a confidence is {furthest:.3f} off" if furthest > most else None
