"""An API with two keys, and a client with each."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api_keys import ALICE, ALICE_ENTRY, BOB, BOB_ENTRY
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "keys").write_text(BOB_ENTRY + "\n")
    settings = {"API_KEYS": ALICE_ENTRY, "API_KEYS_FILE": str(folder / "keys")}
    with ApiProcess(shared_redis.url, folder, **settings) as process:
        yield process


@pytest.fixture
def alice(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=api.url, headers={"authorization": f"Bearer {ALICE}"}, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def bob(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, headers={"x-api-key": BOB}, trust_env=False) as client:
        yield client
