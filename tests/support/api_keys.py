"""Two owners of API keys, and an API started with chosen settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.auth import keyring
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer

ALICE, ALICE_ENTRY = keyring.make("alice")
BOB, BOB_ENTRY = keyring.make("bob")


@contextmanager
def api_with(redis: RedisServer, folder: Path, **settings: str) -> Iterator[httpx.Client]:
    with ApiProcess(redis.url, folder, **settings) as process:
        yield process.client
