"""The api and the worker together: a real uvicorn and real Celery workers on one real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.worker.conftest import bench  # noqa: F401 - the same bench, now with an api
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer


@pytest.fixture
def api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """Its uploads are the bench's."""
    with ApiProcess(redis_server.url, tmp_path) as process:
        yield process
