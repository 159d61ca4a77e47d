"""With API keys an owner may fill only a part of each queue; the rest is for other owners."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared import redis_keys
from shared.queue.names import QueueName
from shared.redis_client import connect
from tests.support.answers import slug
from tests.support.api_keys import ALICE, ALICE_ENTRY, BOB, BOB_ENTRY, api_with
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

PHOTO = jpeg()
LATER = {"prefer": "respond-async"}
KEYS = {"API_KEYS": f"{ALICE_ENTRY},{BOB_ENTRY}"}


@pytest.fixture
def api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(redis_server.url, tmp_path, MAX_QUEUED_ITEMS="20", **KEYS) as process:
        yield process


@pytest.fixture
def alice(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, headers={"x-api-key": ALICE}, trust_env=False) as client:
        yield client


@pytest.fixture
def bob(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, headers={"x-api-key": BOB}, trust_env=False) as client:
        yield client


def one(client: httpx.Client) -> httpx.Response:
    return client.post("/predict", content=PHOTO, headers=LATER)


def several(client: httpx.Client, photos: int, key: str = "") -> httpx.Response:
    headers = {"idempotency-key": key} if key else None
    return client.post("/jobs", files=[("files", ("a", PHOTO))] * photos, headers=headers)


def owned(api: ApiProcess) -> list[dict[str, str]]:
    """How many items of each owner wait in each queue."""
    with connect(api.redis_url, 2) as redis:
        return [redis.hgetall(redis_keys.owned(queue)) for queue in QueueName]


def test_an_owner_fills_half_of_each_queue(
    api: ApiProcess, alice: httpx.Client, bob: httpx.Client
) -> None:
    answers = [one(alice) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429] * 2
    refused = answers[-1]
    assert slug(refused) == "owner_queue_full"
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert "Your share of the interactive queue is full" in refused.json()["detail"]
    stored = api.stored()
    assert len(stored) == 10
    assert several(alice, 10).status_code == 202, "a full interactive queue refused a batch"
    assert (several(alice, 1).status_code, one(bob).status_code) == (429, 202)
    assert several(bob, 10).status_code == 202


def test_a_batch_that_filled_the_share_is_found_by_its_key(
    api: ApiProcess, alice: httpx.Client
) -> None:
    first = several(alice, 10, "mine")
    eventually(lambda: several(alice, 1).status_code == 429, 10)
    stored = api.stored()
    again = several(alice, 10, "mine")
    assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
    assert several(alice, 10, "another").status_code == 429
    eventually(lambda: api.stored() == stored, 5)


def test_a_batch_that_could_never_fit_is_too_large(alice: httpx.Client) -> None:
    answer = several(alice, 11)
    assert answer.status_code == 413
    assert "at most 10 photos" in answer.json()["detail"]


def test_what_is_cancelled_or_started_makes_room(api: ApiProcess, alice: httpx.Client) -> None:
    where = several(alice, 10).headers["location"]
    assert owned(api) == [{}, {"alice": "10"}]
    alice.delete(where).raise_for_status()
    assert owned(api) == [{}, {}]
    eventually(lambda: several(alice, 10).status_code == 202, 10)
    with PlayedWorker(api.redis_url):
        eventually(lambda: owned(api) == [{}, {}], 10)
        eventually(lambda: several(alice, 10).status_code == 202, 10)


def test_invalid_files_do_not_wait(api: ApiProcess, alice: httpx.Client) -> None:
    files = [("files", ("a", PHOTO)), ("files", ("b", b"no photo"))]
    assert alice.post("/jobs", files=files).status_code == 202
    assert owned(api) == [{}, {"alice": "1"}]


@pytest.mark.parametrize(("setting", "most"), [("3", 3), ("100", 20)])
def test_the_share_is_a_setting_and_never_more_than_the_queue(
    redis_server: RedisServer, tmp_path: Path, setting: str, most: int
) -> None:
    settings = {"MAX_QUEUED_ITEMS": "20", "MAX_QUEUED_ITEMS_PER_OWNER": setting, **KEYS}
    with api_with(redis_server, tmp_path, **settings) as client:
        client.headers["x-api-key"] = ALICE
        assert several(client, most + 1).status_code == 413
        assert several(client, most).status_code == 202
        assert one(client).status_code == 202


def test_without_keys_the_setting_changes_nothing(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = {"MAX_QUEUED_ITEMS": "20", "MAX_QUEUED_ITEMS_PER_OWNER": "3"}
    with ApiProcess(redis_server.url, tmp_path, **settings) as api:
        assert several(api.client, 20).status_code == 202
        with connect(api.redis_url, 2) as redis:
            eventually(lambda: redis.llen("batch") == 20, 10)
            assert not list(redis.scan_iter("ic:turn[s:]*")) + list(redis.scan_iter("ic:owned*"))


def test_while_a_worker_of_an_older_release_runs_nobody_takes_turns(
    api: ApiProcess, alice: httpx.Client
) -> None:
    """It would bring no next message."""
    with PlayedWorker(api.redis_url, queues=("no such queue",), turns=False) as older:
        eventually(lambda: bool(alice.get("/health").json()["workers"]), 10)
        assert several(alice, 10).status_code == 202
        eventually(lambda: older.client.llen("batch") == 10, 10)
    eventually(lambda: not alice.get("/health").json()["workers"], 10)
    assert several(alice, 10).status_code == 202, "what takes no turns is not counted"
    assert owned(api) == [{}, {"alice": "10"}]


def test_counts_that_an_older_worker_left_behind_end_with_the_queue(
    api: ApiProcess, alice: httpx.Client
) -> None:
    with connect(api.redis_url, 2) as redis:
        redis.hset(redis_keys.owned(QueueName.INTERACTIVE), "alice", 5)
        assert one(alice).status_code == 202
    assert owned(api)[0] == {"alice": "1"}
