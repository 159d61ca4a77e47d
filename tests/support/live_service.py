"""The whole service for its clients' tests: a real Redis, api and worker, the model scripted."""

import io
from collections.abc import Callable
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
    """Started on enter, ended on exit; ``url`` is where it is.

    Args:
        folder: For data, uploads and logs.
        settings: Of the api, over the defaults.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        (folder / "redis").mkdir()
        self._redis = RedisServer(folder / "redis")
        self.api = ApiProcess(self._redis.url, folder, **settings)
        self.url = self.api.url

    def __enter__(self) -> Self:
        self._redis.start("--appendfsync", "everysec")
        self.redis: Redis = Redis.from_url(self._redis.url, decode_responses=True)
        self.api.start()
        env = {"REDIS_URL": self._redis.url, "UPLOADS_URL": self.api.uploads.as_uri()}
        self.worker = WorkerProcess(env, self._folder / "worker.log")
        self.worker.wait_ready(self.redis)
        eventually(lambda: self.api.client.get("/health/ready").status_code == 200, 10)
        return self

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a moment brings."""
        eventually(condition, 20)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.worker.__exit__(kind, error, at)
        self.api.__exit__(kind, error, at)
        self.redis.close()
        self._redis.kill()


def coloured(green: int, red: int = 0, kind: str = "PNG") -> bytes:
    """A small photo for which the scripted model answers ``class {green}``."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (red, green, 0)).save(out, kind)
    return out.getvalue()
