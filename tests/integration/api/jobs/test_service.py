"""The job service against a Redis that is slow rather than dead."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.admission.queue_limits import Admission
from api.jobs.service import JobService
from api.lifespan import REDIS_S
from api.redis_client import connect_async, own_time_within
from shared.errors import BrokerUnavailable
from shared.queue.names import QueueName
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from shared.uploads import FileUploadStore, upload_key
from tests.support.redis_server import RedisServer


@pytest.fixture
async def service(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[JobService]:
    redis = connect_async(redis_server.url, REDIS_S, 4)
    look = connect_async(redis_server.url, REDIS_S, 1)
    admission = Admission(look, 20_000)
    yield JobService(JobStore(redis, 60, 20_000), FileUploadStore(tmp_path), admission)
    await redis.aclose()
    await look.aclose()


def job(items: int) -> NewJob:
    job_id = uuid.uuid4().hex
    photos = [NewItem(None, upload_key(job_id, at)) for at in range(items)]
    return NewJob(job_id=job_id, queue=QueueName.BATCH, top_k=3, items=photos)


async def pause_for(server: RedisServer, seconds: float) -> None:
    server.pause()
    await asyncio.sleep(seconds)
    server.resume()


async def test_a_large_batch_does_not_time_out_while_redis_writes_it(
    service: JobService, redis_server: RedisServer
) -> None:
    large = job(4_000)
    pause = asyncio.create_task(pause_for(redis_server, 1.2))
    await asyncio.sleep(0)
    await service.create(large)
    await pause
    assert (await service.read(large.job_id)).total == 4_000


async def test_one_photo_times_out_and_its_upload_stays(
    service: JobService, redis_server: RedisServer, tmp_path: Path
) -> None:
    small = job(1)
    [key] = [item.upload_key for item in small.items]
    assert key
    await service.store({key: [b"photo"]})
    redis_server.pause()
    try:
        with pytest.raises(BrokerUnavailable):
            async with asyncio.timeout(REDIS_S / 2):  # the bound of the pool's own connections
                await service.create(small)
    finally:
        redis_server.resume()
    assert (tmp_path / key).read_bytes() == b"photo", "the record may have been written after all"


async def test_many_calls_at_once_wait_for_a_connection_rather_than_fail(
    service: JobService,
) -> None:
    stored = job(1)
    await service.create(stored)
    records = await asyncio.gather(*(service.read(stored.job_id) for _ in range(100)))
    assert {record.total for record in records} == {1}


async def test_a_paused_process_does_not_report_redis_as_down(service: JobService) -> None:
    wanted = job(1)
    creating = asyncio.create_task(service.create(wanted))
    for _ in range(2):
        await asyncio.sleep(0)
        time.sleep(0.35)  # noqa: ASYNC251 - as on a host whose processors are all busy
    assert await creating == wanted.job_id


async def test_a_pause_of_the_process_does_not_count_as_waiting() -> None:
    async with own_time_within(0.3):
        for _ in range(2):
            await asyncio.sleep(0.01)
            time.sleep(0.5)  # noqa: ASYNC251 - as on a host whose CPUs are all busy
        await asyncio.sleep(0.01)


async def test_a_call_that_waits_too_long_fails() -> None:
    with pytest.raises(TimeoutError):
        async with own_time_within(0.3):
            await asyncio.Event().wait()
