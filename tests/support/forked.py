"""Runs a Python module in a process forked from one that has already imported the libraries.

The process runs the same as ``python -m MODULE``, with its own environment and output, but starts
without a second of imports. Each process imports the project's own modules itself.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

LIBRARIES = [
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "fastapi",
    "httptools",
    "httpx",
    "httpx2",
    "kombu.transport.redis",
    "numpy",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "prometheus_client",
    "pydantic_settings",
    "python_multipart",
    "redis.asyncio",
    "simplejpeg",
    "sse_starlette",
    "structlog",
    "tqdm",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LIBRARIES)


class Forked:
    """The part of :class:`subprocess.Popen` that the tests use.

    Args:
        module: The module, as after ``-m``.
        arguments: Command line arguments.
        cwd: Working directory, which contains the project.
        env: The complete environment.
        log: File to which stdout and stderr are appended.
    """

    def __init__(
        self, module: str, arguments: list[str], *, cwd: Path, env: dict[str, str], log: Path
    ) -> None:
        log.touch()
        self._process = _context.Process(target=_run, args=(module, arguments, cwd, env, log))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

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


def _run(module: str, arguments: list[str], cwd: Path, env: dict[str, str], log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path.insert(0, str(cwd))
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them
