"""A real Celery worker process, restarted after a crash as by a supervisor."""

import os
import signal
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from shared.messages import WorkerReport
from tests.support.forked import Forked

ROOT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """One ``celery -A APP worker -P threads``, with its log in a file.

    Args:
        env: Variables to add to this process's environment.
        log: File for stdout and stderr.
        app: The module of the Celery app.
        restart: Whether to restart it after a crash.
    """

    def __init__(
        self,
        env: dict[str, str],
        log: Path,
        app: str = "tests.support.scripted_worker",
        *,
        restart: bool = False,
    ) -> None:
        self._env = {**os.environ, **env}
        self._log = log
        self._app = app
        self._restart = restart
        self._stopping = threading.Event()
        self.starts = 0
        self.exits: list[int] = []
        self.process = self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _start(self) -> Forked:
        self.starts += 1
        name = f"worker-{os.getpid()}-{id(self)}@test"
        arguments = ["-A", self._app, "worker", "-P", "threads", "-n", name]
        return Forked.logged("celery", arguments, cwd=ROOT, env=self._env, log=self._log)

    def _supervise(self) -> None:
        while self._restart and not self._stopping.wait(0.1):
            code = self.process.poll()
            if code is not None:
                self.exits.append(code)
                self.process = self._start()

    @property
    def log(self) -> str:
        """All output of the worker so far."""
        return self._log.read_text(errors="replace")

    def wait_ready(self, client: redis.Redis, timeout_s: float = 60) -> None:
        """Wait until a worker's heartbeat reports that it is ready for messages."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            reports = [WorkerReport.model_validate_json(r) for r in client.hvals("ic:workers")]
            if any(report.status in {"idle", "busy"} for report in reports):
                return
            assert self._restart or self.process.poll() is None, self.log
            time.sleep(0.05)
        raise AssertionError(f"the worker did not get ready:\n{self.log}")

    def kill(self) -> None:
        """Send SIGKILL, as the kernel does when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, timeout_s: float = 20) -> int:
        """Send SIGTERM; returns the exit code of the warm shutdown."""
        self._stopping.set()
        self._supervisor.join()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._supervisor.join()
        self.process.kill()
        self.process.wait(10)
