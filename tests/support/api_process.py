"""A real API process: ``uvicorn api.main:app`` on a free port."""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from tests.support.forked import Forked
from tests.support.photos import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 20


class ApiProcess:
    """One uvicorn process; ``client`` is its HTTP client, ``uploads`` its folder of uploads."""

    def __init__(self, redis_url: str, folder: Path, **settings: str) -> None:
        self.redis_url = redis_url
        self.uploads = folder / "uploads"
        self.log = folder / "api.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {
            "REDIS_URL": redis_url,
            "UPLOADS_URL": f"file://{self.uploads}",
            "LOG_FORMAT": "json",
            **settings,
        }

    def set(self, **settings: str) -> None:
        """Change settings for the next start."""
        self._settings |= settings

    def __enter__(self) -> Self:
        return self.start()

    def start(self) -> Self:
        """Start the process, or restart it on the same port, and wait until it responds."""
        arguments = ["api.main:app", "--port", str(self.port)]
        env = {**os.environ, **self._settings}
        self.process = Forked.logged("uvicorn", arguments, cwd=ROOT, env=env, log=self.log)
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.client.get("/health/live")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return self
        self.process.kill()
        raise AssertionError(f"the api did not start\n{self.log.read_text()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def kill(self) -> None:
        """Send SIGKILL and wait for the exit."""
        self.client.close()
        self.process.kill()
        self.process.wait(10)

    @property
    def memory_mb(self) -> float:
        """Resident memory in MB."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def stored(self) -> list[str]:
        """The names of all stored uploads."""
        return sorted(path.name for path in self.uploads.glob("[!.]*"))
