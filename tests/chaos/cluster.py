"""The whole service as processes: Redis that fsyncs every write, an api over HTTP, two workers."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx
from redis import Redis
from redis.exceptions import RedisError

from shared.messages import WorkerReport
from shared.redis_client import connect
from shared.uploads import FileUploadStore, UploadStore
from tests.chaos.processes import Supervised
from tests.support.photos import free_port
from tests.support.redis_server import RedisServer

T = TypeVar("T")

READY_WITHIN_S = 60
# One photo a call and 5 ms a call: slow enough that a fault finds work in flight. Less time for an
# item than a process is stopped for: one that counted by a clock would end itself when it wakes.
SCRIPT = {"SCRIPTED_SERVICE_TIME_S": "0.005", "MAX_BATCH_SIZE": "1", "ITEM_TIMEOUT_S": "10"}


class Cluster:
    """Starts everything on enter, ends everything on exit.

    Args:
        folder: For data, uploads and logs.
        env: Settings of every process, over the defaults.
        redis_options: Added to Redis's command line, now and at each restart.
        redis: The server; default: one on this machine.
    """

    def __init__(
        self,
        folder: Path,
        env: dict[str, str] | None = None,
        redis_options: tuple[str, ...] = (),
        redis: RedisServer | None = None,
    ) -> None:
        self.folder = folder
        self.uploads = folder / "uploads"
        (folder / "redis").mkdir(exist_ok=True)
        self.redis = redis or RedisServer(folder / "redis")
        self.client: Redis = connect(self.redis.url, 2.0)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers: list[Supervised] = []
        self._redis_options = redis_options
        self._env = {"UPLOADS_URL": self.uploads.as_uri(), "LOG_FORMAT": "json", **(env or {})}

    def start_redis(self) -> None:
        """Start it, for the first time or again."""
        self.redis.start(*self._redis_options)

    def start_api(
        self, redis_url: str = "", netns: str | None = None, app: str = "api.main:app"
    ) -> None:
        """One uvicorn."""
        where = ["--host", httpx.URL(self.url).host, "--port", str(self.port)]
        self.api = Supervised(
            [sys.executable, "-m", "uvicorn", app, "--no-access-log", *where],
            {**self._env, "REDIS_URL": redis_url or self.redis.url},
            self.folder / "api.log",
            netns,
        )

    def start_worker(
        self,
        redis_url: str = "",
        netns: str | None = None,
        app: str = "tests.support.scripted_worker",
        **env: str,
    ) -> None:
        """One more worker, named by its number."""
        name = f"worker-{len(self.workers)}"
        program = ["-m", "celery", "-A", app, "worker", "-P", "threads"]
        self.workers.append(
            Supervised(
                [sys.executable, *program, "-n", f"{name}@chaos"],
                {**self._env, **SCRIPT, "REDIS_URL": redis_url or self.redis.url, **env},
                self.folder / f"{name}.log",
                netns,
            )
        )

    def start(self) -> Self:
        """Redis, the api and two workers, ready."""
        self.start_redis()
        self.start_api()
        self.start_worker()
        self.start_worker()
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Until every worker can take messages and the api knows."""
        self.until(lambda: len(self.reports("idle", "busy")) >= len(self.workers), READY_WITHIN_S)
        self.until(lambda: ask(f"{self.url}/health/ready").status_code == 200, READY_WITHIN_S)

    def reports(self, *states: str) -> dict[str, WorkerReport]:
        """Every worker in one of these states, by incarnation."""
        found = self.client.hgetall("ic:workers")
        reports = {key: WorkerReport.model_validate_json(text) for key, text in found.items()}
        return {str(key): report for key, report in reports.items() if report.status in states}

    def held(self, *workers: int) -> set[str]:
        """What these workers have started and not ended, as ``job:index``; default: all do."""
        names = {f"worker-{number}@chaos" for number in workers or range(len(self.workers))}
        lives = map(str, self.client.hkeys("ic:workers"))
        keys = [f"ic:held:{life}" for life in lives if life.rpartition(":")[0] in names]
        return set(map(str, self.client.sunion(keys))) if keys else set()

    def close_connections(self) -> None:
        """Redis closes every connection but this test's own."""
        self.client.client_kill_filter(_type="normal", skipme=True)
        self.client.client_kill_filter(_type="pubsub")

    def never(self, words: str) -> None:
        """No worker has said that."""
        for worker in self.workers:
            assert words not in worker.log, f"{words!r} in {self.folder}"

    def store(self) -> UploadStore:
        """What the processes store in."""
        return FileUploadStore(self.uploads)

    def stored(self) -> list[str]:
        """The names of all uploads."""
        return [path.name for path in self.uploads.glob("[!.]*")]

    def reconciling(self) -> int:
        """The number of the worker that holds the reconciler's lock."""
        holder = str(self.until(lambda: self.client.get("ic:reconciler"), 20))
        return int(holder.partition("@")[0].removeprefix("worker-"))

    def until(self, call: Callable[[], T], within_s: float) -> T:
        """The first truthy answer; processes may be away meanwhile."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                if answer := call():
                    return answer
            except (RedisError, OSError, httpx.TransportError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"not within {within_s:g} s; logs in {self.folder}")

    def processes(self) -> Iterator[Supervised]:
        """All but Redis."""
        yield from self.workers
        if hasattr(self, "api"):
            yield self.api

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self.processes():
            process.close()
        self.client.close()
        self.redis.kill()


def ask(url: str, timeout_s: float = 5) -> httpx.Response:
    """GET, never through a proxy."""
    return httpx.get(url, timeout=timeout_s, trust_env=False, verify=False)


def seed() -> int:
    """Of this run; ``SEED=2`` chooses another."""
    return int(os.environ.get("SEED", "1"))
