"""Runs a Python program in a process forked from one that has already imported what it needs.

The process runs the same as ``python -m MODULE`` or a script, with its own environment and output,
but starts without a second of imports. What Python itself reads at its start, as its variables and
``LC_ALL``, is not read again.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import reduction
from pathlib import Path
from typing import Any, Self, TextIO

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.preloaded"])


class _Descriptor:
    """A file descriptor that the process gets too."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[object], int], tuple[object]]:
        return _detached, (reduction.DupFd(self.number),)


def _detached(duplicate: Any) -> int:
    return int(duplicate.detach())


class Forked:
    """The part of :class:`subprocess.Popen` that the tests use.

    Args:
        program: The module, as after ``-m``, or the path of a script.
        arguments: Command line arguments.
        cwd: Working directory; with a module, it contains the project.
        env: The complete environment.
        out: File descriptor of stdout.
        err: File descriptor of stderr.
    """

    def __init__(
        self,
        program: str | Path,
        arguments: list[str],
        *,
        cwd: Path,
        env: dict[str, str],
        out: int,
        err: int,
    ) -> None:
        outputs = (_Descriptor(out), _Descriptor(err))
        self._process = _context.Process(target=_run, args=(program, arguments, cwd, env, outputs))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @classmethod
    def logged(
        cls, program: str, arguments: list[str], *, cwd: Path, env: dict[str, str], log: Path
    ) -> Self:
        """Append stdout and stderr to a file."""
        with log.open("ab") as file:
            number = file.fileno()
            return cls(program, arguments, cwd=cwd, env=env, out=number, err=number)

    def poll(self) -> int | None:
        """The exit code, the negative number of a signal, or ``None`` while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        Raises:
            subprocess.TimeoutExpired: The process still runs.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has exited."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(
    program: str | Path,
    arguments: list[str],
    cwd: Path,
    env: dict[str, str],
    outputs: tuple[int, int],
) -> None:
    for number, descriptor in enumerate(outputs, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout, sys.stderr = _writer(1, "strict"), _writer(2, "backslashreplace")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [str(program), *arguments]
    try:
        if isinstance(program, Path):
            runpy.run_path(str(program), run_name="__main__")
        else:
            sys.path.insert(0, str(cwd))
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them


def _writer(number: int, errors: str) -> TextIO:
    """A text stream as Python opens it at its start."""
    by_line = number == 2 or os.isatty(number)
    return open(
        number,
        "w",
        buffering=1 if by_line else -1,
        encoding="utf-8",
        errors=errors,
        closefd=False,
    )
