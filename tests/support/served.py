"""Runs ``serve.py`` as a process, with its output, HTTP API and child processes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import psutil

from tests.support.photos import jpeg

ROOT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN_S = 180.0


class Served:
    """One running ``serve.py``; stop it with :meth:`end`."""

    def __init__(self, port: int, **settings: str) -> None:
        environment = {"MODEL": "auto", **os.environ, "PORT": str(port), **settings}
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "serve.py")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())

    def ready(self) -> "Served":
        """Wait for the line that says that the service is ready; returns it."""
        eventually(self._said_ready, READY_WITHIN_S, self.screen)
        return self

    def _said_ready(self) -> bool:
        assert self.process.poll() is None, self.screen()
        return any("ready: open" in line for line in self.lines)

    def screen(self) -> str:
        """All output so far."""
        return "\n".join(self.lines)

    def predict(self, **params: str) -> httpx.Response:
        """Send a photo of a cat to `/predict`; returns the response."""
        return httpx.post(
            f"{self.url}/predict",
            params=params,
            files={"file": ("cat.jpg", jpeg())},
            timeout=60,
            trust_env=False,
            verify=False,
        )

    def health(self) -> httpx.Response:
        """The response of ``/health``."""
        return httpx.get(f"{self.url}/health", timeout=5, trust_env=False, verify=False)

    def youngest_heartbeat_s(self) -> float:
        """Age in seconds of the last heartbeat of an idle or busy worker."""
        return min(
            (
                float(worker["heartbeat_age_s"])
                for worker in self.health().json()["workers"]
                if worker["status"] in {"idle", "busy"}
            ),
            default=float("inf"),
        )

    def child(self, mark: str) -> psutil.Process:
        """The running child whose command line contains ``mark``; waits while it is replaced."""
        found: list[psutil.Process] = []

        def look() -> bool:
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if mark in " ".join(child.cmdline()):
                        found.append(child)
            return bool(found)

        eventually(look, 15, self.screen)
        return found[0]

    def end(self, number: int = signal.SIGTERM) -> list[psutil.Process]:
        """Send a signal and wait for the exit; returns the children that still run."""
        processes = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        alive: list[psutil.Process] = psutil.wait_procs(processes, timeout=3)[1]
        return alive

    def end_if_running(self) -> None:
        """Kill everything that still runs, for the end of a fixture."""
        if self.process.poll() is None:
            self.end()
        self._reader.join(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()


def eventually(
    condition: Callable[[], bool], within_s: float, why: Callable[[], str] = lambda: ""
) -> float:
    """Wait for a condition; returns the seconds that it took."""
    began = time.monotonic()
    while not condition():
        took = time.monotonic() - began
        assert took < within_s, f"not within {within_s:g} s\n{why()}"
        time.sleep(0.1)
    return time.monotonic() - began


def refused(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a ``serve.py`` that cannot start; returns its output."""
    return subprocess.run(
        [sys.executable, str(ROOT / "serve.py")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
