"""The whole service with its uploads in a bucket, and a server that a test may kill or freeze."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bucket_server import BucketServer
from tests.support.live_service import LiveService


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    server = BucketServer(tmp_path_factory.mktemp("bucket"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running: BucketServer, monkeypatch: pytest.MonkeyPatch) -> BucketServer:
    """Empty, and this process may use it as well."""
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    running.clear()
    return running


@pytest.fixture
def service(server: BucketServer, tmp_path: Path) -> Iterator[LiveService]:
    both = {"UPLOADS_URL": server.url, "SCRIPTED_FAST": "1", **server.env}
    with LiveService(tmp_path, both) as live:
        yield live
