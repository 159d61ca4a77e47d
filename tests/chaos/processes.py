"""A process that is started again when it dies, as compose or ``make serve`` would."""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Supervised:
    """One process with its log in a file; every life of it is counted in ``starts``.

    Args:
        command: What to run.
        env: Added to this process's environment.
        log: Where stdout and stderr of every life go.
        netns: The network namespace in which it lives; none means this process's own.
    """

    def __init__(
        self, command: Sequence[str], env: dict[str, str], log: Path, netns: str | None = None
    ) -> None:
        # `ip netns exec` becomes the program, so that a signal reaches the program itself
        self._command = [*(["ip", "netns", "exec", netns] if netns else []), *command]
        self._env = {**os.environ, **env}
        self._log = log
        self._stopping = threading.Event()
        self.starts = 0
        self.process = self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log)

    def _supervise(self) -> None:
        while not self._stopping.wait(0.1):
            if self.process.poll() is not None:
                self.process = self._start()

    @property
    def log(self) -> str:
        """Everything that every life of it has printed."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out; returns when it is dead."""
        process = self.process
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self._stopping.set()
        self._supervisor.join()
        self.process.kill()
        self.process.wait(10)
