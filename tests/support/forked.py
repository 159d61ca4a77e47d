"""A Python module run as a program, forked from a process that has imported the libraries already.

What runs is what ``python -m MODULE`` runs, with its own environment and output; it only starts
without a second of imports, which a suite that starts some hundred processes feels. The project's
own modules are read by each process itself.
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
    """As much of :class:`subprocess.Popen` as the tests use.

    Args:
        module: What ``-m`` would name.
        arguments: Its command line after that.
        cwd: Where it runs, and where it finds the project.
        env: Its whole environment.
        log: Where stdout and stderr are added.
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
        """The exit code, a signal's number below zero, or ``None`` while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; raises TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
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
