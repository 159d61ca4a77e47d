"""Clients that go on sending through every fault, and remember what they were told."""

import io
import itertools
import random
import re
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Self

import httpx
from PIL import Image

from tests.chaos.cluster import Cluster
from tests.support.scripted_colors import KILLS

AT_LEAST = 2_000
LONGEST_S = 200
# Some 200 photos a second in small jobs: about half of what two workers end, so that both hold
# work at nearly every moment and none of it piles up.
POSTERS, PREDICTORS = 3, 6
JOB_OF, JOB_EVERY_S, PREDICT_EVERY_S = 20, 0.4, 0.1
BURST = 150
# Only a balancer's answers: it has lost an api that held the request, which may have been accepted.
GATEWAY = {502, 504}
_EXPECTED = re.compile(r".*-(\d+|worker_lost)\.png")


@cache
def photo(red: int, green: int) -> bytes:
    """A PNG whose colour tells the scripted model what to do."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (red, green, 0)).save(out, "PNG")
    return out.getvalue()


def named(number: int, green: int, *, kills: bool = False) -> tuple[str, bytes]:
    """A photo under a name that says how it has to end."""
    if kills:
        return f"{number}-worker_lost.png", photo(KILLS, green)
    return f"{number}-{green}.png", photo(0, green)


def expected(filename: str) -> str:
    """The class that has to win, or the slug of the error that has to come."""
    match = _EXPECTED.fullmatch(filename)
    assert match, filename
    return match[1]


@dataclass
class Told:
    """What all clients were told, by job."""

    accepted: dict[str, int] = field(default_factory=dict)  # job id → photos; 200 or 202
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)  # → expected, answered
    refused: int = 0
    cut: int = 0
    strange: list[str] = field(default_factory=list)
    balanced: bool = False

    def hear(self, answer: httpx.Response, files: list[tuple[str, bytes]]) -> None:
        """Take one answer in."""
        body = answer.json()
        if self.balanced and answer.status_code in GATEWAY:
            self.cut += 1
        elif answer.status_code in {200, 202}:
            self.accepted[body["job_id"]] = len(files)
        elif answer.status_code == 503:
            assert answer.headers["retry-after"]
            self.refused += 1
        else:
            self.strange.append(f"{answer.status_code} {answer.text[:300]}")
        if answer.status_code == 200:
            won = str(body["predictions"][0]["class_index"])
            self.answered[body["job_id"]] = (expected(files[0][0]), won)


class Traffic:
    """Batches and waiting requests side by side, from enter to exit.

    The exit waits until enough was accepted, and then for every answer.
    """

    def __init__(
        self,
        cluster: Cluster,
        rng: random.Random,
        job_of: int = JOB_OF,
        at_least: int = AT_LEAST,
        clients: tuple[int, int] = (POSTERS, PREDICTORS),
        *,
        balanced: bool = False,
    ) -> None:
        posters, predictors = clients
        self.told = Told(balanced=balanced)
        self.open = 0
        self._url = cluster.url
        self._job_of, self._at_least = job_of, at_least
        self._numbers = itertools.count()
        self._seed = rng.getrandbits(64)
        self._rng = random.Random(f"{self._seed} bursts")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._post_jobs, args=[n]) for n in range(posters)),
            *(threading.Thread(target=self._predict, args=[n]) for n in range(predictors)),
        ]

    def files(self, rng: random.Random, count: int) -> list[tuple[str, bytes]]:
        """So many photos of random classes."""
        return [named(next(self._numbers), rng.randrange(256)) for _ in range(count)]

    def send(self, client: httpx.Client, path: str, files: list[tuple[str, bytes]]) -> None:
        """One POST; whatever becomes of it is remembered."""
        name = "file" if path == "/predict" else "files"
        with self._lock:
            self.open += 1
        try:
            answer = client.post(path, files=[(name, file) for file in files])
        except httpx.TransportError:
            answer = None
        with self._lock:
            self.open -= 1
            if answer is None:
                self.told.cut += 1
            else:
                self.told.hear(answer, files)

    def burst(self) -> None:
        """One more job, large enough that every worker is busy for a moment."""
        with self._client() as client:
            self.send(client, "/jobs", self.files(self._rng, BURST))

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, timeout=60, trust_env=False)

    def _post_jobs(self, number: int) -> None:
        rng = random.Random(f"{self._seed} jobs {number}")
        with self._client() as client:
            while not self._stop.wait(JOB_EVERY_S):
                self.send(client, "/jobs", self.files(rng, self._job_of))

    def _predict(self, number: int) -> None:
        rng = random.Random(f"{self._seed} predict {number}")
        with self._client() as client:
            while not self._stop.wait(PREDICT_EVERY_S):
                self.send(client, "/predict", self.files(rng, 1))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        deadline = time.monotonic() + LONGEST_S
        while kind is None and sum(self.told.accepted.copy().values()) < self._at_least:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self._stop.set()
        for thread in self._threads:
            thread.join()
