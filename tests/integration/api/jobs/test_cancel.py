"""Cancelling many photos: in steps, between which others are served, and as often as wanted."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.admission.queue_limits import Admission
from api.jobs.service import CANCEL_STEP, JobService
from api.redis_client import connect_async
from shared import redis_keys
from shared.errors import BrokerUnavailable, JobNotFound
from shared.messages import ItemState, JobState
from shared.queue.names import QueueName
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from shared.uploads import FileUploadStore, upload_key
from tests.support.redis_server import RedisServer

PHOTOS = 10_000


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect_async(redis_server.url, 10, 4)
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis, 60, 20_000)


@pytest.fixture
def service(store: JobStore, redis: Redis, tmp_path: Path) -> JobService:
    return JobService(store, FileUploadStore(tmp_path), Admission(redis, 20_000))


async def create(service: JobService, folder: Path) -> str:
    """A job whose photos are stored and wait."""
    job_id = uuid.uuid4().hex
    keys = [upload_key(job_id, index) for index in range(PHOTOS)]
    for key in keys:
        (folder / key).touch()
    items = [NewItem(None, key) for key in keys]
    return await service.create(NewJob(job_id, QueueName.BATCH, 3, items))


def stored(folder: Path, job_id: str) -> int:
    """How many uploads of the job are left."""
    return len(list(folder.glob(f"{job_id}.*")))


async def counts_meanwhile(redis: Redis, job_id: str) -> set[int]:
    """How many items another client saw cancelled, until all of them were."""
    seen: set[int] = set()
    while PHOTOS not in seen:
        seen.add(int(await redis.hget(redis_keys.job(job_id), "cancelled") or 0))
    return seen


async def test_others_are_served_while_a_large_job_is_cancelled(
    service: JobService, redis: Redis, tmp_path: Path
) -> None:
    job_id = await create(service, tmp_path)
    watching = asyncio.create_task(counts_meanwhile(redis, job_id))
    await asyncio.sleep(0.05)
    await service.cancel(job_id)
    assert len(await watching) > 3, "it was cancelled in one piece"
    job = await service.read(job_id)
    assert job.status is JobState.CANCELLED
    assert job.finished_ms is not None
    assert job.counts[ItemState.CANCELLED] == PHOTOS
    assert await redis.zcard(redis_keys.queued("batch")) == 0
    assert await redis.hget(redis_keys.UNRUN, "batch|cancelled") == str(PHOTOS)
    assert stored(tmp_path, job_id) == 0


async def test_a_second_cancellation_finds_what_the_first_left(
    service: JobService, store: JobStore, redis: Redis, tmp_path: Path
) -> None:
    """The first died between two steps, and before it deleted an upload."""
    job_id = await create(service, tmp_path)
    await store.cancel(job_id, 0, CANCEL_STEP)
    for _ in range(2):
        await service.cancel(job_id)
        assert stored(tmp_path, job_id) == 0
    assert (await service.read(job_id)).counts[ItemState.CANCELLED] == PHOTOS
    assert await redis.hget(redis_keys.UNRUN, "batch|cancelled") == str(PHOTOS)


async def test_a_cancellation_that_redis_breaks_off_can_be_repeated(
    service: JobService, redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    job_id = await create(service, tmp_path)
    cancelling = asyncio.create_task(service.cancel(job_id))
    # the second step shows that the api knows of the first; the answer to a step may be lost
    while int(await redis.hget(redis_keys.job(job_id), "cancelled") or 0) < 2 * CANCEL_STEP:
        pass
    redis_server.pause()
    try:
        with pytest.raises(BrokerUnavailable):
            await cancelling
    finally:
        redis_server.resume()
    assert 0 < stored(tmp_path, job_id) < PHOTOS
    await service.cancel(job_id)
    assert (await service.read(job_id)).counts[ItemState.CANCELLED] == PHOTOS
    assert stored(tmp_path, job_id) == 0


async def test_what_runs_or_has_ended_stays_and_an_unknown_job_is_refused(
    service: JobService, store: JobStore, redis: Redis, tmp_path: Path
) -> None:
    job_id = await create(service, tmp_path)
    await redis.hset(redis_keys.states(job_id), "7", "running|1|0|0|worker|token")
    _, cancelled = await store.cancel(job_id, 0, 10)
    assert cancelled == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    with pytest.raises(JobNotFound):
        await service.cancel(uuid.uuid4().hex)
