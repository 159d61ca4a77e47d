"""Whatever way a connection breaks, what it raises says that Redis is down."""

import asyncio

import pytest
import uvloop
from redis.asyncio.connection import AbstractConnection

from api.redis_client import connect_async
from shared.redis_client import REDIS_DOWN
from tests.support.redis_server import RedisServer


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_breaks_before_a_write_counts_as_redis_down(
    redis_server: RedisServer, new_loop: object
) -> None:
    async def write_on_a_broken_connection() -> None:
        client = connect_async(redis_server.url, 1.0, 1)
        connection = await client.connection_pool.get_connection()
        try:
            connection._writer.transport.abort()
            await asyncio.sleep(0.01)
            with pytest.raises(REDIS_DOWN):
                await _ask(connection)
        finally:
            await client.connection_pool.release(connection)
        assert await client.ping()  # the next call opens another
        await client.aclose()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(write_on_a_broken_connection())


async def _ask(connection: AbstractConnection) -> None:
    await connection.send_command("PING")
    await connection.read_response()


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "a"),
        ("CONFIG GET", "a"),
        ("SET", "k", "Schloß \U0001f408"),
        ("X", b"\0\xff", 7, 0.5),
    ],
)
def test_commands_are_written_as_redis_py_writes_them(command: tuple[object, ...]) -> None:
    client = connect_async("redis://localhost", 1.0, 1)
    connection = client.connection_pool.make_connection()
    theirs = AbstractConnection.pack_command(connection, *command)
    assert b"".join(connection.pack_command(*command)) == b"".join(theirs)
