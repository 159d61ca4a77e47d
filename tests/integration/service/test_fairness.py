"""All that one owner of an API key may queue waits; another owner's photos are accepted at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from shared import redis_keys
from shared.queue.names import QueueName
from tests.support.api_keys import ALICE, ALICE_ENTRY, BOB, BOB_ENTRY
from tests.support.live_service import LiveService, coloured
from tests.support.served import eventually

MOST = 1_000
BATCH = 100
PHOTO = coloured(7)
LATER = {"prefer": "respond-async"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LiveService]:
    """A worker that takes 50 ms for each photo."""
    keys = {"API_KEYS": f"{ALICE_ENTRY},{BOB_ENTRY}", "MAX_QUEUED_ITEMS": str(2 * MOST)}
    with LiveService(
        tmp_path, {"SCRIPTED_IMAGE_TIME_S": "0.05", "SCRIPTED_FAST": "1"}, **keys
    ) as live:
        yield live


@pytest.fixture
def owners(service: LiveService) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(
                httpx.Client(
                    base_url=service.url, headers={"x-api-key": key}, trust_env=False, timeout=60
                )
            )
            for key in (ALICE, BOB)
        )  # type: ignore[misc]


def submit(client: httpx.Client, photos: int) -> str:
    answer = client.post("/jobs", files=[("files", ("a.png", PHOTO))] * photos)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def waiting(service: LiveService, queue: QueueName, owner: str) -> int:
    return int(service.redis.hget(redis_keys.owned(queue), owner) or 0)  # type: ignore[arg-type]


def succeeded(client: httpx.Client, job: str) -> int:
    return int(client.get(job, params={"limit": 1}).json()["counts"]["succeeded"])


def test_a_batch_beside_all_that_another_owner_may_queue_has_every_other_turn(
    service: LiveService, owners: tuple[httpx.Client, httpx.Client]
) -> None:
    alice, bob = owners
    many = submit(alice, MOST)
    service.until(lambda: succeeded(alice, many) > 0)
    before = succeeded(alice, many)
    few = submit(bob, BATCH)
    assert bob.post("/predict", content=PHOTO).status_code == 200
    eventually(lambda: succeeded(bob, few) == BATCH, 60)
    beside = succeeded(alice, many) - before
    # every other message, and what the worker held and the queue had before
    assert 0 < beside <= 2 * BATCH, beside


def test_photos_one_by_one_have_turns_too(
    service: LiveService, owners: tuple[httpx.Client, httpx.Client]
) -> None:
    """So many that without turns no more would be accepted: the work of 10 s."""
    alice, bob = owners
    service.worker.terminate()
    for _ in range(300):
        assert alice.post("/predict", content=PHOTO, headers=LATER).status_code == 202
    service.worker = service.new_worker()
    service.until(lambda: bob.get("/health/ready").status_code == 200)
    answer = bob.post("/predict", content=PHOTO, headers={"prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    assert waiting(service, QueueName.INTERACTIVE, "alice") > 0


def test_everything_that_takes_turns_ends(
    service: LiveService, owners: tuple[httpx.Client, httpx.Client]
) -> None:
    jobs = [(owner, submit(owner, photos)) for photos in (40, 1, 23) for owner in owners]
    cancelled = submit(owners[0], 300)
    owners[0].delete(cancelled).raise_for_status()
    for owner, job in jobs:
        eventually(lambda o=owner, j=job: o.get(j).json()["finished_at"], 120)  # type: ignore[misc]
        assert owner.get(job).json()["counts"]["succeeded"] in {40, 1, 23}
    service.until(lambda: owners[0].get(cancelled).json()["finished_at"])
    service.until(lambda: not list(service.redis.scan_iter("ic:turn[s:]*")))
    assert not list(service.redis.scan_iter("ic:owned*")), "somebody's items are still counted"


def test_a_killed_worker_and_lost_lists_lose_nothing(
    service: LiveService, owners: tuple[httpx.Client, httpx.Client]
) -> None:
    alice, bob = owners
    jobs = {submit(alice, 60): alice, submit(bob, 30): bob}
    service.until(lambda: all(succeeded(owner, job) for job, owner in jobs.items()))
    service.worker.kill()
    service.until(lambda: not service.redis.exists(redis_keys.SENDING))
    service.redis.delete("batch", *service.redis.scan_iter("ic:turn[s:]*"))
    service.worker = service.new_worker()
    for job, owner in jobs.items():
        eventually(lambda o=owner, j=job: o.get(j).json()["finished_at"], 120)  # type: ignore[misc]
        counts = owner.get(job).json()["counts"]
        assert counts["succeeded"] == counts["total"]
    assert not list(service.redis.scan_iter("ic:owned*"))
