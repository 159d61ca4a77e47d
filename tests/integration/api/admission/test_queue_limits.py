"""Accepted requests are answered in time; the rest are refused at once."""

import asyncio
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from api.admission.queue_limits import WAITING_LEAST
from shared.messages import ItemRef, ItemResult, WorkerReport, WorkerState
from shared.records.items import Finish, ItemStore
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

PHOTO = jpeg()


@pytest.fixture
def busy(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """An api that sees one worker, which ends 40 items a second by its own word and takes none."""
    with ApiProcess(redis_server.url, tmp_path) as process:
        yield process


def say(client: redis.Redis, rate_per_s: float | None) -> None:
    report = WorkerReport(name="w", status=WorkerState.BUSY, rate_per_s=rate_per_s)
    ItemStore(client, "w").beat(report)


def refusals(api: ApiProcess, count: int, prefer: str, client: redis.Redis, rate: float) -> int:
    """How many of so many requests at once are refused for a full queue."""

    async def ask_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as many:
            ask = functools.partial(many.post, f"{api.url}/predict", headers={"prefer": prefer})
            return await asyncio.gather(*(ask(content=PHOTO) for _ in range(count)))

    say(client, rate)
    eventually(lambda: api.client.get("/health").status_code == 200, 15)
    answers = asyncio.run(ask_all())
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert {slug(answer) for answer in refused} <= {"queue_full"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    return len(refused)


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as made:
        yield made


def test_a_client_that_waits_less_finds_the_queue_full_sooner(
    busy: ApiProcess, client: redis.Redis
) -> None:
    assert refusals(busy, 60, "wait=1", client, rate=40.0) == 20
    client.flushall()
    assert refusals(busy, 60, "wait=2", client, rate=40.0) == 0


@pytest.mark.parametrize("prefer", ["wait=4", "wait=9", "handling=lenient"])
def test_a_client_that_waits_longer_does_not_lengthen_the_queue(
    redis_server: RedisServer, tmp_path: Path, client: redis.Redis, prefer: str
) -> None:
    waits = {"PREDICT_QUEUE_S": "1", "PREDICT_WAIT_S": "4"}
    with ApiProcess(redis_server.url, tmp_path, **waits) as api:
        assert refusals(api, 60, prefer, client, rate=40.0) == 20


def test_clients_that_wait_long_and_clients_that_do_not_say_are_refused_alike(
    redis_server: RedisServer, tmp_path: Path, client: redis.Redis
) -> None:
    async def ask_in_turns(api: ApiProcess) -> list[tuple[bool, int]]:
        limits = httpx.Limits(max_connections=80)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as many:

            async def ask(number: int) -> tuple[bool, int]:
                patient = number % 2 == 0
                headers = {"prefer": "wait=5"} if patient else {}
                answer = await many.post(f"{api.url}/predict", content=PHOTO, headers=headers)
                return patient, answer.status_code

            return await asyncio.gather(*(ask(number) for number in range(80)))

    with ApiProcess(redis_server.url, tmp_path, PREDICT_QUEUE_S="1", PREDICT_WAIT_S="4") as api:
        say(client, 40.0)
        eventually(lambda: api.client.get("/health").status_code == 200, 15)
        answers = asyncio.run(ask_in_turns(api))
    accepted = [patient for patient, status in answers if status == 202]
    assert len(accepted) == 40
    # by arrival only: 20 of each kind but for the order in which the connections were opened
    assert 10 <= sum(accepted) <= 30


def test_a_few_may_always_wait(busy: ApiProcess, client: redis.Redis) -> None:
    assert refusals(busy, 40, "wait=1", client, rate=0.5) == 40 - WAITING_LEAST


def test_a_nearly_full_redis_takes_no_more_and_finishes_what_it_has(
    busy: ApiProcess, client: redis.Redis, fill: Callable[[float], None]
) -> None:
    say(client, None)
    eventually(lambda: busy.client.get("/health").status_code == 200, 15)
    job = busy.client.post("/predict", content=PHOTO, headers={"prefer": "respond-async"}).json()
    fill(0.85)

    def refused() -> bool:
        answer = busy.client.post("/jobs", files=[("files", PHOTO)])
        return answer.status_code == 503 and slug(answer) == "queue_full"

    eventually(refused, 15)
    fill(1.1)
    end_the_only_item(client, job["job_id"])
    done = busy.client.get(f"/jobs/{job['job_id']}").json()
    assert done["status"] == "completed"


def end_the_only_item(client: redis.Redis, job_id: str) -> None:

    store, ref = ItemStore(client, "w"), ItemRef(job_id, 0, 1)
    assert store.start(ref, "run") is not None
    assert store.finish(ref, ItemResult(predictions=[])) is Finish.COUNTED
    say(client, None)


@pytest.fixture
def fill(client: redis.Redis) -> Callable[[float], None]:
    """Set maxmemory so that what is used now is that part of it."""
    client.config_set("maxmemory-policy", "noeviction")

    def to(share: float) -> None:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", int(used / share))

    return to
