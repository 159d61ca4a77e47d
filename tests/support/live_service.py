"""The service for tests of clients: a real Redis, API and worker, with a scripted model."""

import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image
from redis import Redis

from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess


class LiveService:
    """A context manager that starts and stops the service; ``url`` is its address.

    Args:
        folder: Folder for data, uploads and logs.
        both: Settings of the API and the worker.
        settings: Settings of the API only.
    """

    def __init__(self, folder: Path, both: dict[str, str] | None = None, **settings: str) -> None:
        self._folder = folder
        self._both = both or {}
        (folder / "redis").mkdir()
        self._redis = RedisServer(folder / "redis")
        self.api = ApiProcess(self._redis.url, folder, **{**self._both, **settings})
        self.url = self.api.url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._redis.start("--appendfsync", "everysec")
            stack.callback(self._redis.kill)
            self.redis: Redis = Redis.from_url(self._redis.url, decode_responses=True)
            stack.callback(self.redis.close)
            stack.enter_context(self.api)
            self.worker = self.new_worker()
            stack.callback(lambda: self.worker.__exit__(None, None, None))
            eventually(lambda: self.api.client.get("/health/ready").status_code == 200, 10)
            self._started = stack.pop_all()
        return self

    def new_worker(self) -> WorkerProcess:
        """Start a worker, or another after the first has exited, and wait until it is ready."""
        env = {"REDIS_URL": self._redis.url, "UPLOADS_URL": self.api.uploads.as_uri()}
        worker = WorkerProcess({**env, **self._both}, self._folder / "worker.log")
        try:
            worker.wait_ready(self.redis)
        except BaseException:
            worker.__exit__(None, None, None)
            raise
        return worker

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        eventually(condition, 20)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._started.close()


def coloured(green: int, red: int = 0, kind: str = "PNG") -> bytes:
    """A small photo that the scripted model classifies as ``class {green}``."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (red, green, 0)).save(out, kind)
    return out.getvalue()
