"""Starts Redis, the model download, the workers and the API in order, and stops them in order."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio

from scripts.serve import readiness, redis_server
from scripts.serve.console import Screen
from scripts.serve.errors import ServeError
from scripts.serve.process import Child
from scripts.serve.settings import ROOT, ServeSettings

# how long each may take to end by itself, in seconds
API_GRACE_S = 10.0
WORKER_GRACE_S = 20.0
REDIS_GRACE_S = 10.0
# As root, Celery prints a warning at each start, which users cannot act on here.
WORKER_WARNINGS = {"PYTHONWARNINGS": "ignore::Warning:celery.platforms"}


def worker_command(number: int, port: int) -> list[str]:
    """One worker process; the name is its own even where services share a Redis."""
    name = f"worker-{number}-{port}@%h"
    command = [sys.executable, "-m", "celery", "-q", "-A", "worker.main", "worker", "-P", "threads"]
    return [*command, "-n", name, "--without-mingle", "--without-gossip"]


def api_command(settings: ServeSettings) -> list[str]:
    """The API process: one, whatever WEB_CONCURRENCY is, as each reports its own metrics."""
    # asyncio listens on both families where the host is empty, and on IPv6 only for "::"
    host = "" if settings.bind_address == "::" else settings.bind_address
    where = ["--host", host, "--port", str(settings.port), "--workers", "1"]
    limit = ["--timeout-graceful-shutdown", str(int(API_GRACE_S - 2))]
    # the app logs the requests
    level = ["--log-level", "info" if os.environ.get("LOG_LEVEL") == "DEBUG" else "warning"]
    return [sys.executable, "-m", "uvicorn", "api.main:app", *where, *limit, *level]


@dataclass(frozen=True)
class Programs:
    """The commands that `Service` runs, besides Redis.

    Attributes:
        fetch_model: Downloads the model and exits.
        worker: A worker's command, from its number and the service's port.
        api: The API's command.
    """

    fetch_model: Sequence[str] = (sys.executable, "-m", "worker.download")
    worker: Callable[[int, int], list[str]] = worker_command
    api: Callable[[ServeSettings], list[str]] = api_command


class Service:
    """Everything that ``make serve`` runs.

    Args:
        settings: Where to listen and how many workers to keep.
        screen: Takes every line.
        programs: What to run.
    """

    def __init__(
        self, settings: ServeSettings, screen: Screen, programs: Programs | None = None
    ) -> None:
        self._programs = programs or Programs()
        self._settings = settings
        self._screen = screen
        self._children: dict[Child, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; nothing that was started is left then.

        Raises:
            ServeError: A part could not be started.
        """
        serving = asyncio.create_task(self._serve())
        asked = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {serving, asked, self._failed}
        done, pending = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in pending:
            end.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await self._end()
        for end in done:
            end.result()

    def kill(self) -> None:
        """End everything at once."""
        for child in self._children:
            child.kill()

    async def _serve(self) -> None:
        redis_url = await self._start_redis()
        environment = self._settings.environment(redis_url)
        await self._fetch_model(environment)
        async with redis.asyncio.from_url(redis_url, decode_responses=True) as client:
            await self._start(environment, client)

    async def _start(self, environment: dict[str, str], client: redis.asyncio.Redis) -> None:
        """Start workers and api, and tell when they can classify."""
        earlier = await readiness.incarnations(client)
        for number in range(1, self._settings.workers + 1):
            command = self._programs.worker(number, self._settings.port)
            self._keep(f"worker-{number}", command, environment | WORKER_WARNINGS, WORKER_GRACE_S)
        self._keep("api", self._programs.api(self._settings), environment, API_GRACE_S)
        await readiness.until_ready(self._settings.url, client, earlier)
        for child in self._children:
            child.settled = True
        url = self._settings.url
        self._screen.show(
            "serve", f"ready: open {url}/ or try: curl -F file=@docs/images/cat.jpg {url}/predict"
        )
        await asyncio.Event().wait()

    async def _start_redis(self) -> str:
        """Start a private Redis unless one was named, and wait until it answers."""
        url = self._settings.redis_url
        if url is not None:
            await redis_server.wait_until_ready(url, redis_server.FOREIGN_READY_WITHIN_S)
            return url
        folder = self._settings.folder
        address = redis_server.choose_address(folder, Path(tempfile.gettempdir()))
        command = redis_server.command(
            redis_server.find_program(), folder, address, self._settings.redis_appendfsync
        )
        self._keep("redis", command, dict(os.environ), REDIS_GRACE_S)
        await redis_server.wait_until_ready(address.url, redis_server.OWN_READY_WITHIN_S)
        return address.url

    def _keep(
        self, name: str, command: list[str], environment: dict[str, str], grace_s: float
    ) -> None:
        """Start a child; when it fails for good, so does the service."""
        child = Child(name, command, environment, self._screen.show, grace_s)
        task = asyncio.create_task(child.keep())
        task.add_done_callback(self._note_failure)
        self._children[child] = task

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error and not self._failed.done():
            self._failed.set_exception(error)

    async def _fetch_model(self, environment: dict[str, str]) -> None:
        """Have the weights ready before any worker looks for them.

        As JSON each of its lines is shown as a program's; otherwise its progress bar needs the
        terminal.

        Raises:
            ServeError: They are not available; the reason was printed.
        """
        as_json = self._settings.log_format == "json"
        process = await asyncio.create_subprocess_exec(
            *self._programs.fetch_model,
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if as_json else None,
            stderr=asyncio.subprocess.STDOUT if as_json else None,
            process_group=0,
        )
        try:
            if process.stdout:
                async for line in process.stdout:
                    self._screen.show("download", line.decode(errors="replace").rstrip())
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if code != 0:
            raise ServeError("no model is available: see the line that begins with `download:`")

    async def _end(self) -> None:
        """The api first, so that nothing new comes in; Redis last, so that nothing is lost."""
        for name in ("api", "worker", "redis"):
            group = [child for child in self._children if child.name.startswith(name)]
            await asyncio.gather(*(child.stop() for child in group))
        for task in self._children.values():
            task.cancel()
        await asyncio.gather(*self._children.values(), return_exceptions=True)
