"""Who is woken by which message."""

import asyncio

import pytest

from api.jobs.completion import CompletionListener
from shared.redis_client import connect_async


@pytest.fixture
def completions() -> CompletionListener:
    return CompletionListener(connect_async("redis://127.0.0.1:1", None, 1))


async def test_a_message_wakes_its_own_job_alone(completions: CompletionListener) -> None:
    with completions.expect("a") as first, completions.expect("b") as second:
        completions._handle("message", "a")
        assert (first.is_set(), second.is_set()) == (True, False)


async def test_a_subscription_wakes_everyone_to_look(completions: CompletionListener) -> None:
    with completions.expect("a") as first, completions.expect("b") as second:
        completions._handle("subscribe", "")
        assert first.is_set()
        assert second.is_set()


async def test_a_message_for_nobody_is_nothing(completions: CompletionListener) -> None:
    with completions.expect("a"):
        pass
    completions._handle("message", "a")
    assert not completions._waiting


async def test_it_keeps_trying_while_nothing_listens(completions: CompletionListener) -> None:
    running = asyncio.create_task(completions.run())
    await asyncio.sleep(0.5)
    assert not running.done()
    assert not completions.subscribed.is_set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_every_process_has_its_own_channel() -> None:
    client = connect_async("redis://127.0.0.1:1", None, 1)
    assert CompletionListener(client).channel != CompletionListener(client).channel


async def test_a_message_may_say_how_the_job_ended(completions: CompletionListener) -> None:
    with completions.expect("a") as first, completions.expect("b") as second:
        completions._handle("message", 'a failed {"error": 1}')
        completions._handle("message", "b")
        assert (first.ended, second.ended) == ('failed {"error": 1}', None)
