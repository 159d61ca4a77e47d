"""A job's progress as server-sent events, over real HTTP and real Redis; the worker is played."""

import asyncio
import contextlib
import json
import signal
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import Event
from redis import Redis

from api.jobs.progress import Progress
from api.redis_client import connect_async
from shared.messages import ItemRef, ItemResult, ItemState
from shared.queue.names import QueueName
from shared.records.items import ItemStore, StartedItem
from shared.records.jobs import JobRecord, JobStore
from shared.records.new_job import NewItem, NewJob
from shared.redis_client import connect
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.played_worker import PlayedWorker, succeed
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

SMALL = b"\xff\xd8\xff" + bytes(100)


def submit(client: httpx.Client, count: int) -> str:
    files = [("files", (f"{at}.jpg", SMALL)) for at in range(count)]
    return str(client.post("/jobs", files=files).headers["location"])


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each event's name and data; what is neither is a comment."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
        else:
            assert field in {"", "id"}, line


def test_progress_comes_as_it_is_made_and_ends_with_the_job(
    client: httpx.Client, worker: PlayedWorker
) -> None:
    turn = threading.Semaphore(0)

    def in_turn(item: StartedItem) -> ItemResult:
        assert turn.acquire(timeout=10)
        return succeed(item)

    worker.answer = in_turn
    where = submit(client, 3)
    ended = []
    with client.stream("GET", f"{where}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        for name, data in events(answer.iter_lines()):
            counts = data["counts"]
            states = ("queued", "running", "succeeded", "failed", "cancelled")
            assert sum(counts[state] for state in states) == 3
            if counts["succeeded"] not in ended:
                ended.append(counts["succeeded"])
                turn.release()
            last = name, data
    assert ended == [0, 1, 2, 3]
    assert last[0] == "end"
    job = client.get(where).json()
    assert last[1] == {key: job[key] for key in job if key not in {"items", "next"}}
    assert job["status"] == "completed"


@pytest.mark.usefixtures("worker")
def test_a_finished_job_sends_one_event(client: httpx.Client) -> None:
    where = submit(client, 2)
    eventually(lambda: client.get(where).json()["finished_at"] is not None, 10)
    told = list(events(iter(client.get(f"{where}/events").text.splitlines())))
    assert [name for name, _ in told] == ["end"]


@pytest.mark.usefixtures("worker")
def test_an_event_source_does_not_reconnect_after_the_end(client: httpx.Client) -> None:
    """A browser's EventSource reconnects after every end, until it gets 204."""
    path = f"{submit(client, 2)}/events"
    told = client.get(path).text
    [last] = [line.removeprefix("id: ") for line in told.splitlines() if line.startswith("id")]
    assert told.rstrip().split("\n\n")[-1].startswith(f"id: {last}")
    again = client.get(path, headers={"last-event-id": last})
    assert (again.status_code, again.content) == (204, b"")
    for other in ("", "7", f"{last}x"):
        assert client.get(path, headers={"last-event-id": other}).status_code == 200


@pytest.mark.usefixtures("worker")
def test_a_stream_names_no_connection_of_its_own(client: httpx.Client) -> None:
    assert "connection" not in client.get(f"{submit(client, 1)}/events").headers


def test_an_unknown_job_is_a_problem(client: httpx.Client) -> None:
    assert slug(client.get(f"/jobs/{'0' * 32}/events")) == "job_not_found"
    assert slug(client.get("/jobs/x/events")) == "job_not_found"


def test_a_record_that_vanishes_ends_it_with_a_problem(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    where = submit(api.client, 1)
    with api.client.stream("GET", f"{where}/events") as answer:
        told = events(answer.iter_lines())
        assert next(told)[0] == "progress"
        with Redis.from_url(api.redis_url) as redis:
            redis.delete(f"ic:job:{where.removeprefix('jobs/')}")
        name, problem = next(told)
        assert (name, problem["type"]) == ("problem", "/problems/job_not_found")
        assert list(told) == []


def test_a_stream_continues_when_redis_is_back(
    api: ApiProcess, worker: PlayedWorker, shared_redis: RedisServer
) -> None:
    worker.listen_to("no such queue")
    where = submit(api.client, 1)
    with api.client.stream("GET", f"{where}/events") as answer:
        told = events(answer.iter_lines())
        assert next(told)[0] == "progress"
        shared_redis.pause()
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
        shared_redis.resume()
        worker.listen_to("batch")
        assert [name for name, _ in told][-1] == "end"


def test_a_stopping_api_ends_its_streams(redis_server: RedisServer, tmp_path: Path) -> None:
    with ApiProcess(redis_server.url, tmp_path) as api:
        where = submit(api.client, 1)
        with api.client.stream("GET", f"{where}/events") as answer:
            told = events(answer.iter_lines())
            next(told)
            api.process.send_signal(signal.SIGTERM)
            assert list(told) == []
        assert api.process.wait(20) is not None
    log = api.log.read_text()
    assert '"error"' not in log, log


class CountingStore(JobStore):
    """Remembers which jobs each look asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.looks: list[list[str]] = []

    async def progress(self, job_ids: list[str]) -> dict[str, JobRecord | None]:
        self.looks.append(sorted(job_ids))
        return await super().progress(job_ids)


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[CountingStore]:
    client = connect_async(redis_server.url, 2, 4)
    yield CountingStore(client, 60, 100)
    await client.aclose()


async def test_redis_is_read_once_for_many_clients_and_never_for_none(store: CountingStore) -> None:
    progress = Progress(store)
    loop = asyncio.create_task(progress.run())
    firsts = []
    for _ in range(3):
        job_id = uuid.uuid4().hex
        await store.create(NewJob(job_id, QueueName.BATCH, 3, [NewItem(None, f"{job_id}.0")]))
        firsts.append(await progress.now(job_id))
    store.looks.clear()
    await asyncio.sleep(0.6)
    assert store.looks == []

    async def follow(first: JobRecord) -> list[JobRecord | None]:
        return [record async for record in progress.follow(first, Event())]

    followers = [asyncio.create_task(follow(first)) for first in firsts * 20]
    async with asyncio.timeout(20):
        while len(store.looks) < 3:  # noqa: ASYNC110 - the store knows no waiting
            await asyncio.sleep(0.02)
    assert store.looks[1:] == [sorted(first.job_id for first in firsts)] * (len(store.looks) - 1)
    for first in firsts:
        await store.cancel(first.job_id, 0, first.total)
    for told in await asyncio.gather(*followers):
        assert [record and record.finished_ms is not None for record in told] == [False, True]
    store.looks.clear()
    await asyncio.sleep(0.6)
    assert len(store.looks) <= 1
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


async def test_reported_progress_never_goes_back(
    store: CountingStore, redis_server: RedisServer
) -> None:
    """Each follower has read the job for itself, before or after the look that all share."""
    progress, job_id = Progress(store), uuid.uuid4().hex
    photos = [NewItem(None, f"{job_id}.{at}") for at in range(3)]
    await store.create(NewJob(job_id, QueueName.BATCH, 3, photos))

    def end(index: int) -> None:
        with connect(redis_server.url, 2) as client:
            items, ref = ItemStore(client, "played"), ItemRef(job_id, index, 1)
            started = items.start(ref, "played")
            assert started
            items.finish(ref, succeed(started))

    def ended(record: JobRecord | None) -> int:
        assert record
        return record.counts[ItemState.SUCCEEDED]

    old = await progress.now(job_id)
    early, late = progress.follow(old, Event()), progress.follow(old, Event())
    assert ended(await anext(early)) == 0
    end(0)
    waiting = asyncio.ensure_future(anext(early))
    await asyncio.sleep(0.05)
    await progress.look()
    assert ended(await waiting) == 1
    waiting = asyncio.ensure_future(anext(early))
    assert [ended(await anext(late)) for _ in range(2)] == [0, 1], "it came with an old record"
    end(1)
    newest = progress.follow(await progress.now(job_id), Event())
    assert ended(await anext(newest)) == 2
    told = asyncio.ensure_future(anext(newest))
    await asyncio.sleep(0.05)
    assert not told.done(), "the last look is older than its record"
    end(2)
    await progress.look()
    assert [ended(await one) for one in (waiting, told, anext(late))] == [3, 3, 3]
    for follower in (early, late, newest):
        await follower.aclose()
