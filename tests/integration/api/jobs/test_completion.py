"""The subscription on a real Redis: kept while it works, replaced when it does not."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from api.jobs.completion_or_disconnect import SILENT_S, CompletionListener
from api.redis_client import connect_async
from tests.support.redis_server import RedisServer


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect_async(redis_server.url, 10, 2)
    yield client
    await client.aclose()


@pytest.fixture
async def completions(redis_server: RedisServer) -> AsyncIterator[CompletionListener]:
    client = connect_async(redis_server.url, None, 2)
    listener = CompletionListener(client)
    running = asyncio.create_task(listener.run())
    await asyncio.wait_for(listener.subscribed.wait(), 10)
    yield listener
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.aclose()


async def subscriber(redis: Redis) -> str:
    """The id of the one subscribed connection."""
    [client] = await redis.client_list(_type="pubsub")
    return str(client["id"])


async def test_a_message_wakes_only_the_request_that_waits_for_its_job(
    completions: CompletionListener, redis: Redis
) -> None:
    with completions.expect("a") as first, completions.expect("b") as second:
        await redis.publish(completions.channel, "unknown")
        await redis.publish(completions.channel, 'a failed {"error": 1}')
        await asyncio.wait_for(first.wait(), 15)
        assert first.ended == 'failed {"error": 1}'
        assert not second.is_set()
        await redis.publish(completions.channel, "b")
        await asyncio.wait_for(second.wait(), 15)
        assert second.ended is None, "how it ended has to be read"
    assert completions.count == 0


async def test_a_process_that_was_late_keeps_its_subscription(
    completions: CompletionListener, redis: Redis
) -> None:
    before = await subscriber(redis)
    for _ in range(2):
        await asyncio.sleep(0.1)
        time.sleep(SILENT_S + 1)  # noqa: ASYNC251 - as on a host whose CPUs are all busy
    await asyncio.sleep(0.5)
    with completions.expect("job") as completion:
        await redis.publish(completions.channel, "job succeeded {}")
        await asyncio.wait_for(completion.wait(), 15)
    assert completion.ended == "succeeded {}"
    assert await subscriber(redis) == before


async def test_a_silent_connection_is_replaced_and_all_that_wait_look(
    completions: CompletionListener, redis_server: RedisServer
) -> None:
    with completions.expect("job") as completion:
        redis_server.pause()
        try:
            while completions.subscribed.is_set():  # noqa: ASYNC110 - it is what is tested
                await asyncio.sleep(0.1)
        finally:
            redis_server.resume()
        await asyncio.wait_for(completion.wait(), 10)
