"""Who is woken by which message."""

import asyncio

import pytest

from api.waiting import Waiter
from shared.redis_client import connect_async


@pytest.fixture
def waiter() -> Waiter:
    return Waiter(connect_async("redis://127.0.0.1:1", None, 1))


async def test_a_message_wakes_its_own_job_alone(waiter: Waiter) -> None:
    with waiter.expect("a") as first, waiter.expect("b") as second:
        waiter._handle("message", "a")
        assert (first.is_set(), second.is_set()) == (True, False)


async def test_a_subscription_wakes_everyone_to_look(waiter: Waiter) -> None:
    with waiter.expect("a") as first, waiter.expect("b") as second:
        waiter._handle("subscribe", "")
        assert first.is_set()
        assert second.is_set()


async def test_a_message_for_nobody_is_nothing(waiter: Waiter) -> None:
    with waiter.expect("a"):
        pass
    waiter._handle("message", "a")
    assert not waiter._waiting


async def test_it_keeps_trying_while_nothing_listens(waiter: Waiter) -> None:
    running = asyncio.create_task(waiter.run())
    await asyncio.sleep(0.5)
    assert not running.done()
    assert not waiter.subscribed.is_set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_every_process_has_its_own_channel() -> None:
    client = connect_async("redis://127.0.0.1:1", None, 1)
    assert Waiter(client).channel != Waiter(client).channel


async def test_a_message_may_say_how_the_job_ended(waiter: Waiter) -> None:
    with waiter.expect("a") as first, waiter.expect("b") as second:
        waiter._handle("message", 'a failed {"error": 1}')
        waiter._handle("message", "b")
        assert (first.ended, second.ended) == ('failed {"error": 1}', None)
