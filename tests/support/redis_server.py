"""A real Redis-compatible server for tests: killed, stopped, continued and started again."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from scripts.serve.redis_server import find_program


class RedisServer:
    """A server on a free TCP port, with its append-only file in a folder.

    Args:
        folder: Must be there.
        host: Where it is reached.
        netns: The network namespace in which it lives; none means this process's own.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", netns: str | None = None) -> None:
        self._folder = folder
        self._enter = ["ip", "netns", "exec", netns] if netns else []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://{host}:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, and return when it answers."""
        command = [find_program(), "--port", str(self.port), "--dir", str(self._folder)]
        safe = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._process = subprocess.Popen(
            [*self._enter, *command, *safe, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with Redis.from_url(self.url, socket_timeout=1) as client:
                    client.ping()
            except (RedisError, OSError):
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the test's Redis did not start")

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers no request."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
