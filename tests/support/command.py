"""Runs the command ``classify`` as a process."""

import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.forked import Forked

PROGRAM = Path(sys.executable).with_name("classify")
WITHIN_S = 120


class Command:
    """One run of ``classify``; in a process of its own.

    Args:
        arguments: Command line arguments.
        url: URL of the service, passed in the environment.
        cwd: Working directory.
        terminal: Whether stderr is a terminal.
        file_blocks: Maximum size of a file that it writes, in blocks of 512 bytes.
        env: Variables to add to the environment.
        own_python: Whether to start a Python for it, which reads its own variables in ``env``.
    """

    def __init__(
        self,
        *arguments: str | Path,
        url: str,
        cwd: Path,
        terminal: bool = False,
        file_blocks: int | None = None,
        env: dict[str, str] | None = None,
        own_python: bool = False,
    ) -> None:
        self._printed = self._said = b""
        self._terminal = terminal
        self._stdout, out = os.pipe()
        self._stderr, err = pty.openpty() if terminal else os.pipe()
        words = list(map(str, arguments))
        variables = {**os.environ, "CLASSIFIER_URL": url, "NO_PROXY": "*", **(env or {})}
        self.process: Forked | subprocess.Popen[bytes]
        if file_blocks or own_python:
            limit = f"ulimit -f {file_blocks}; " if file_blocks else ""
            line = ["sh", "-c", f'{limit}exec "$@"', "sh", str(PROGRAM), *words]
            self.process = subprocess.Popen(line, cwd=cwd, env=variables, stdout=out, stderr=err)
        else:
            self.process = Forked(PROGRAM, words, cwd=cwd, env=variables, out=out, err=err)
        os.close(out)
        os.close(err)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    @property
    def screen(self) -> str:
        """The output on stderr so far."""
        return self._said.decode(errors="replace")

    def _listen(self) -> None:
        with suppress(OSError):  # of a terminal whose other end has gone
            while data := os.read(self._stderr, 65536):
                self._said += data

    def first_line_of_output(self) -> str:
        """Read one line of stdout, as ``head -1`` does, and close the pipe."""
        with os.fdopen(self._stdout, "rb") as pipe:
            line = pipe.readline().decode()
        self._stdout = os.open(os.devnull, os.O_RDONLY)
        return line

    def end(self) -> tuple[int, str, str]:
        """Wait for the exit; returns exit code, stdout, and stderr or the screen."""
        reader = threading.Thread(target=self._read)
        reader.start()
        try:
            code = self.process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            reader.join(5)
            self._listener.join(5)
            os.close(self._stderr)
        return code, self._printed.decode(), self.screen if self._terminal else self._said.decode()

    def _read(self) -> None:
        with os.fdopen(self._stdout, "rb") as pipe:
            self._printed = pipe.read()
