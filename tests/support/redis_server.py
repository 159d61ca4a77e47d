"""A real Redis-compatible server, which tests can kill, suspend, resume and restart."""

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
        folder: An existing folder for its data.
        host: The address that it listens on.
        netns: The network namespace that it runs in; None is the namespace of this process.
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
        """Start the server, and wait until it responds."""
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
        """Send SIGKILL and wait for the exit."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def pause(self) -> None:
        """Suspend the server with SIGSTOP: connections stay open, but get no response."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the server with SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
