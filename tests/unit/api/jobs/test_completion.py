"""The listener without a Redis."""

import asyncio

import pytest

from api.jobs.completion_or_disconnect import CompletionListener
from api.redis_client import connect_async


def listener() -> CompletionListener:
    return CompletionListener(connect_async("redis://127.0.0.1:1", None, 1))


async def test_it_keeps_trying_while_nothing_listens() -> None:
    completions = listener()
    running = asyncio.create_task(completions.run())
    await asyncio.sleep(0.5)
    assert not running.done()
    assert not completions.subscribed.is_set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_every_process_has_its_own_channel() -> None:
    assert listener().channel != listener().channel
