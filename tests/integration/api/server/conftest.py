"""One API process with small limits, and raw connections to it."""

from collections.abc import Iterator

import psutil
import pytest

from tests.support.api_process import ApiProcess
from tests.support.raw_client import RawAnswer, RawClient, raw
from tests.support.redis_server import RedisServer

TIMEOUT_S = 2
MAX_CONNECTIONS = 12
KEEP_ALIVE_S = 2
# Ticks are whole seconds, and the machine may be busy.
LATE_S = TIMEOUT_S + 8
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    limits = {
        "CLIENT_TIMEOUT_S": str(TIMEOUT_S),
        "MAX_CONNECTIONS": str(MAX_CONNECTIONS),
        "UVICORN_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE_S),
    }
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api"), **limits) as process:
        yield process


@pytest.fixture
def line(api: ApiProcess) -> Iterator[RawClient]:
    with raw(api.port) as client:
        yield client


def closing(client: RawClient) -> RawAnswer:
    """The answer after which the connection ends."""
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert client.is_closed(LATE_S)
    return answer


def open_files(api: ApiProcess) -> int:
    return psutil.Process(api.process.pid).num_fds()
