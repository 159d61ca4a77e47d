"""The list of batches over real HTTP and real Redis; the worker is played."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared import redis_keys
from shared.queue.names import QueueName
from shared.records.batches import READ_MAX
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from tests.support.answers import slug
from tests.support.api_keys import ALICE, ALICE_ENTRY, BOB, BOB_ENTRY
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

PHOTO = jpeg()


@pytest.fixture(autouse=True)
def redis(shared_redis: RedisServer) -> Iterator[Redis]:
    """Without the batches of other tests."""
    with Redis.from_url(shared_redis.url, decode_responses=True) as client:
        client.delete(redis_keys.JOBS)
        yield client


def submit(client: httpx.Client, photo: bytes = PHOTO, key: str = "") -> str:
    headers = {"idempotency-key": key} if key else None
    answer = client.post("/jobs", files=[("files", ("a.jpg", photo))], headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def listed(client: httpx.Client, path: str | None = "/jobs", **params: str | int) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    while path:
        answer = client.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [job["job_id"] for job in page["jobs"]]
        path, params = page["next"], {}
    return found


def test_batches_are_listed_newest_first_without_their_items(client: httpx.Client) -> None:
    assert client.get("/jobs").json() == {"jobs": [], "next": None}
    made = [submit(client) for _ in range(3)]
    assert listed(client) == made[::-1]
    job = client.get(f"/jobs/{made[0]}").json()
    last = client.get("/jobs").json()["jobs"][-1]
    assert last == {name: job[name] for name in job if name not in {"items", "next"}}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_pages_lead_through_all_batches_also_when_new_ones_come(
    client: httpx.Client, limit: int
) -> None:
    made = [submit(client) for _ in range(4)]
    first = client.get("/jobs", params={"limit": limit}).json()
    assert [job["job_id"] for job in first["jobs"]] == made[::-1][:limit]
    assert bool(first["next"]) is (limit < 4)
    submit(client)
    assert listed(client, first["next"]) == made[::-1][limit:]


def test_each_state_has_its_batches(api: ApiProcess, client: httpx.Client) -> None:
    invalid = submit(client, b"no photo")
    cancelled, queued = submit(client), submit(client)
    client.delete(f"/jobs/{cancelled}").raise_for_status()
    with PlayedWorker(api.redis_url, answer=lambda _: None) as worker:
        running = submit(client)
        worker.listen_to("batch")
        eventually(lambda: client.get(f"/jobs/{running}").json()["status"] == "running", 10)
        eventually(lambda: client.get(f"/jobs/{queued}").json()["status"] == "running", 10)
    queued, was_queued = submit(client), queued
    expected = {
        "queued": [queued],
        "running": [running, was_queued],
        "completed": [invalid],
        "cancelled": [cancelled],
    }
    assert {status: listed(client, status=status, limit=1) for status in expected} == expected


BAD = {
    "limit=0": "limit: Input should be greater than or equal to 1",
    "limit=101": "limit: Input should be less than or equal to 100",
    "limit=x": "limit: Input should be a valid integer, unable to parse string as an integer",
    "status=done": "status: Input should be 'queued', 'running', 'completed' or 'cancelled'",
    "status=": "status: Input should be 'queued', 'running', 'completed' or 'cancelled'",
    "offset=1": "Unknown query parameter 'offset'",
}
NO_CURSORS = ["", "x", "0", "-1", "1.5", "MTc", "%00", "é", "9" * 20, "A" * 5_000]


@pytest.mark.parametrize("query", BAD)
def test_a_bad_parameter_is_named(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/jobs?{query}")
    assert (answer.status_code, slug(answer)) == (422, "invalid_parameter")
    assert answer.json()["detail"].startswith(BAD[query]), answer.text


@pytest.mark.parametrize("cursor", NO_CURSORS)
def test_a_text_that_is_no_cursor_is_refused(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/jobs", params={"cursor": cursor})
    assert (answer.status_code, slug(answer)) == (422, "invalid_parameter")
    assert answer.json()["detail"].startswith("cursor: Input should be ")


def test_a_single_photo_is_not_listed(api: ApiProcess, client: httpx.Client) -> None:
    with PlayedWorker(api.redis_url):
        eventually(lambda: client.get("/health/ready").status_code == 200, 10)
        client.post("/predict", content=PHOTO).raise_for_status()
        client.post("/predict", content=PHOTO, headers={"prefer": "respond-async"})
        assert listed(client) == []


def test_a_repeated_batch_is_listed_once(client: httpx.Client) -> None:
    made = {submit(client, key="k") for _ in range(2)}
    assert listed(client) == list(made)


def entries(redis: Redis) -> int:
    """How many entries all lists of batches have."""
    return sum(
        redis.zcard(str(key))
        for pattern in (redis_keys.JOBS + "*", redis_keys.EXPIRING)
        for key in redis.scan_iter(pattern)
    )


@pytest.fixture
def short(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """Its records expire soon."""
    with ApiProcess(redis_server.url, tmp_path, JOB_TTL_S="1", API_KEYS=ALICE_ENTRY) as process:
        process.client.headers["x-api-key"] = ALICE
        yield process


def test_expired_batches_are_not_listed_and_leave_no_entry(short: ApiProcess) -> None:
    for _ in range(3):
        submit(short.client, b"no photo")
    with Redis.from_url(short.redis_url, decode_responses=True) as redis:
        assert entries(redis) == 9
        eventually(lambda: listed(short.client) == [], 10)
        # of an owner who does not come back, and without a request
        with PlayedWorker(short.redis_url):
            eventually(lambda: entries(redis) == 0, 10)


def test_without_a_worker_the_next_batch_removes_the_expired_ones(short: ApiProcess) -> None:
    for _ in range(3):
        submit(short.client, b"no photo")
    with Redis.from_url(short.redis_url, decode_responses=True) as redis:
        eventually(lambda: not list(redis.scan_iter("ic:job:*")), 10)
        submit(short.client)  # waits for a worker, so that it does not expire
        eventually(lambda: entries(redis) <= 2, 10)
        assert len(listed(short.client)) == 1


def test_a_batch_that_waits_is_listed_however_long(short: ApiProcess) -> None:
    waits = submit(short.client)
    expired = [submit(short.client, b"no photo") for _ in range(2)]
    assert set(listed(short.client)) <= {waits, *expired}
    eventually(lambda: listed(short.client) == [waits], 10)


def test_with_keys_each_owner_sees_his_own_and_without_keys_all_are_listed(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir()
    keys = {"API_KEYS": f"{ALICE_ENTRY},{BOB_ENTRY}"}
    made: dict[str, list[str]] = {ALICE: [], BOB: []}
    with ApiProcess(redis_server.url, tmp_path / "closed", **keys) as closed:
        for key in (ALICE, BOB, BOB, ALICE):
            closed.client.headers["x-api-key"] = key
            made[key].insert(0, submit(closed.client))
        for key, own in made.items():
            closed.client.headers["x-api-key"] = key
            assert listed(closed.client, limit=1) == own
    with ApiProcess(redis_server.url, tmp_path) as opened:
        assert set(listed(opened.client)) == {*made[ALICE], *made[BOB]}


def make_many(url: str, count: int) -> list[str]:
    """Ids of batches that wait; without HTTP, because that takes longer."""
    ids = [uuid.uuid4().hex for _ in range(count)]

    async def make() -> None:
        async with AsyncRedis.from_url(url, decode_responses=True) as client:
            store = JobStore(client, 60, 10_000)
            for job_id in ids:
                await store.create(NewJob(job_id, QueueName.BATCH, 1, [NewItem("a", "b")]))

    asyncio.run(make())
    return ids


def commands(redis: Redis) -> dict[str, int]:
    """How often Redis ran each command since the last call."""
    stats = redis.info("commandstats")
    redis.config_resetstat()
    return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}


@pytest.mark.parametrize("params", [{}, {"status": "queued"}])
def test_a_page_costs_no_more_with_many_batches(
    api: ApiProcess, client: httpx.Client, redis: Redis, params: dict[str, str]
) -> None:
    ids = make_many(api.redis_url, 500)
    commands(redis)
    answer = client.get("/jobs", params={"limit": 5, **params}).json()
    made = commands(redis)
    assert [job["job_id"] for job in answer["jobs"]] == ids[::-1][:5]
    assert not {"keys", "scan", "zscan", "hscan"} & set(made)
    assert made["hgetall"] < 200, "with what the api itself reads twice a second"


def test_a_state_that_is_rare_takes_several_pages(
    api: ApiProcess, client: httpx.Client, redis: Redis
) -> None:
    ids = make_many(api.redis_url, READ_MAX + 1)
    redis.hset(redis_keys.job(ids[0]), "cancel_requested", 1)
    first = client.get("/jobs", params={"status": "cancelled"}).json()
    assert first["jobs"] == []
    second = client.get(first["next"]).json()
    assert [job["job_id"] for job in second["jobs"]] == [ids[0]]
    assert second["next"] is None


def test_a_list_whose_records_are_lost_is_short(
    api: ApiProcess, client: httpx.Client, redis: Redis
) -> None:
    ids = make_many(api.redis_url, 250)
    redis.delete(*(redis_keys.job(job_id) for job_id in ids[100:]))
    assert listed(client) == ids[:100][::-1]
    assert redis.zcard(redis_keys.JOBS) == 100
