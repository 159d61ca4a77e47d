"""Runs the command ``classify`` as a process."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("classify")
WITHIN_S = 120


class Command:
    """One run of ``classify``; ``screen`` is the output of its stderr on a terminal.

    Args:
        arguments: Command line arguments.
        url: URL of the service, passed in the environment.
        cwd: Working directory.
        terminal: Whether stderr is a terminal.
        file_blocks: Maximum size of a file that it writes, in blocks of 512 bytes.
        env: Variables to add to the environment.
    """

    def __init__(
        self,
        *arguments: str | Path,
        url: str,
        cwd: Path,
        terminal: bool = False,
        file_blocks: int | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.screen = ""
        limit = f"ulimit -f {file_blocks}; " if file_blocks else ""
        inside, outside = pty.openpty() if terminal else (None, None)
        self._outside = inside
        self.process = subprocess.Popen(
            ["sh", "-c", f'{limit}exec "$@"', "sh", str(PROGRAM), *map(str, arguments)],
            env={**os.environ, "CLASSIFIER_URL": url, "NO_PROXY": "*", **(env or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if outside is None else outside,
        )
        if outside is not None:
            os.close(outside)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while self._outside is not None:
            try:
                data = os.read(self._outside, 65536)
            except OSError:  # the other end has gone
                break
            self.screen += data.decode(errors="replace")

    def first_line_of_output(self) -> str:
        """Read one line of stdout, as ``head -1`` does, and close the pipe."""
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            line = pipe.readline().decode()
        self.process.stdout = None
        return line

    def end(self) -> tuple[int, str, str]:
        """Wait for the exit; returns exit code, stdout, and stderr or the screen."""
        try:
            out, err = self.process.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(5)
            if self._outside is not None:
                os.close(self._outside)
        said = self.screen if err is None else err.decode()
        return self.process.returncode, (out or b"").decode(), said
