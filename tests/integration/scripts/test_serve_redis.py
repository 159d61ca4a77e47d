import asyncio
import os
from pathlib import Path

import pytest
import redis.asyncio

from scripts.serve import redis_server
from scripts.serve.errors import ServeError
from scripts.serve.process import Child

# a folder in which no socket can be made, as on exFAT, 9p or a Windows drive under WSL
NO_SOCKETS = Path("/proc")


def test_a_deep_folder_gets_a_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 40)
    one, other = (redis_server.choose_address(folder) for folder in (deep, deep / "other"))
    assert len(one.options["unixsocket"]) <= redis_server.LONGEST_SOCKET_PATH
    assert one.url != other.url
    near = redis_server.choose_address(tmp_path)
    assert near.options["unixsocket"] == str(tmp_path / "redis.sock")


def test_a_folder_that_holds_no_socket_is_passed_over(tmp_path: Path) -> None:
    chosen = redis_server.choose_address(NO_SOCKETS, tmp_path / "missing", tmp_path)
    assert chosen == redis_server.choose_address(tmp_path)
    assert not list(tmp_path.iterdir())


async def test_where_no_folder_holds_a_socket_a_loopback_port_asks_for_a_password(
    tmp_path: Path,
) -> None:
    (tmp_path / "redis").mkdir()
    address = redis_server.choose_address(NO_SOCKETS)
    command = redis_server.command(redis_server.find_program(), tmp_path, address)
    child = Child("redis", command, dict(os.environ), lambda *_: None, grace_s=5)
    task = asyncio.create_task(child.keep())
    await redis_server.wait_until_ready(address.url, within_s=10)
    assert not [word for word in command if address.password in word]
    stranger = address.url.replace(f":{address.password}@", "")
    with pytest.raises(ServeError, match=r"(?i)authenticat"):
        await redis_server.wait_until_ready(stranger, within_s=0.2)
    await child.stop()
    await task


def test_without_a_server_on_path_the_wheel_provides_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    program = redis_server.find_program()
    assert program.endswith("valkey-server")
    assert os.access(program, os.X_OK)


def test_a_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "redis-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find_program() == str(mine)


async def test_a_private_server_keeps_its_data_and_opens_no_port(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    address = redis_server.choose_address(tmp_path)
    command = redis_server.command(redis_server.find_program(), tmp_path, address)
    url = address.url
    for value in (None, "kept"):
        child = Child("redis", command, dict(os.environ), lambda *_: None, grace_s=5)
        task = asyncio.create_task(child.keep())
        await redis_server.wait_until_ready(url, within_s=10)
        async with redis.asyncio.from_url(url, decode_responses=True) as client:
            assert await client.get("key") == value
            await client.set("key", "kept")
            settings = await client.config_get("port", "maxmemory-policy", "appendonly")
        await child.stop()
        await task
    assert settings == {"port": "0", "maxmemory-policy": "noeviction", "appendonly": "yes"}


async def test_a_redis_that_is_not_there_is_one_line_without_its_password() -> None:
    with pytest.raises(ServeError, match="does not answer") as caught:
        await redis_server.wait_until_ready("redis://:secret@127.0.0.1:9/0", within_s=0.2)
    assert "redis://127.0.0.1:9/0" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_url_of_another_kind_is_one_line_without_its_password() -> None:
    with pytest.raises(ServeError, match="REDIS_URL") as caught:
        await redis_server.wait_until_ready("amqp://:secret@127.0.0.1/0", within_s=0.2)
    assert "secret" not in str(caught.value)
