"""A server that is measured: a tree of processes that is started, frozen, resumed and stopped.

While one server is measured, the others are frozen (SIGSTOP), so that they use only memory.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

READY_WITHIN_S = 180.0
IDLE_CORES = 0.15
IDLE_WITHIN_S = 15.0
TICK_S = 0.25


class ServerFailed(Exception):
    """The server does not respond."""


@dataclass(frozen=True)
class Contender:
    """How a server is started. All receive ``POST /predict`` with the form field ``file``.

    Attributes:
        name: The server's name in the tables.
        command: Program and arguments; ``{port}`` is replaced by the port.
        env: Variables to add to the environment; ``{port}`` is replaced here too.
    """

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


class Server:
    """A running server.

    Args:
        contender: How to start it.
        port: The port on 127.0.0.1 that it listens on.
        log: File for its output.
    """

    def __init__(self, contender: Contender, port: int, log: Path) -> None:
        self.contender = contender
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self._frozen: list[psutil.Process] = []
        named = {name: value.format(port=port) for name, value in contender.env.items()}
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [part.format(port=port) for part in contender.command],
                env={**os.environ, **named},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """All processes of the tree."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def wait_ready(self, photo: bytes) -> None:
        """Wait until it has classified three photos in a row.

        Raises:
            ServerFailed: It has exited, or was not ready in time.
        """
        end, good = time.monotonic() + READY_WITHIN_S, 0
        while good < 3:
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServerFailed(f"{self.contender.name} does not respond: see {self._log}")
            good = good + 1 if self.ask(photo) is not None else 0
            if not good:
                time.sleep(TICK_S)

    def ask(self, photo: bytes) -> httpx.Response | None:
        """Send one photo; returns the response, or None if it is not a 200."""
        files = {"file": ("photo.jpg", photo, "image/jpeg")}
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.post(f"{self.url}/predict", files=files, timeout=60, trust_env=False)
            return answer if answer.status_code == 200 else None
        return None

    def wait_idle(self) -> None:
        """Wait until it uses no more CPU time for earlier requests."""
        end = time.monotonic() + IDLE_WITHIN_S
        while time.monotonic() < end:
            before = sum(self.cpu_s().values())
            time.sleep(TICK_S)
            if (sum(self.cpu_s().values()) - before) / TICK_S < IDLE_CORES:
                return

    def freeze(self) -> None:
        """Suspend all processes."""
        self._frozen = self.processes()
        self._signal(self._frozen, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume all processes."""
        self._signal(self._frozen, signal.SIGCONT)
        self._frozen = []

    def cpu_s(self) -> dict[str, float]:
        """Seconds of CPU time so far, by kind of process."""
        used: dict[str, float] = defaultdict(float)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                used[kind(process.cmdline())] += times.user + times.system
        return used

    def memory_mb(self) -> dict[str, float]:
        """Memory in MB by kind of process; shared pages are divided among their processes."""
        used: dict[str, float] = defaultdict(float)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                used[kind(process.cmdline())] += _memory(process) / 1e6
        return used

    def stop(self) -> None:
        """Stop all processes: SIGTERM, and after 20 s SIGKILL."""
        self.thaw()
        processes = self.processes()
        self._signal(processes[:1], signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._signal(processes, signal.SIGKILL)
        self._process.wait()

    @staticmethod
    def _signal(processes: list[psutil.Process], number: int) -> None:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


def _memory(process: psutil.Process) -> int:
    info = process.memory_full_info()
    return int(getattr(info, "pss", info.rss))


def kind(command: list[str]) -> str:
    """The kind of a process by its command line: ``api``, ``worker``, ``Redis`` or ``other``."""
    line = " ".join(command)
    marks = {"api": "api.main", "worker": "worker.main", "Redis": "-server "}
    return next((name for name, mark in marks.items() if mark in line), "other")
