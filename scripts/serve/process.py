"""One supervised program: started, its lines shown, started again when it ends, stopped."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from scripts.serve.errors import ServeError
from scripts.serve.settings import ROOT

GIVE_UP_AFTER = 3
CANNOT_SERVE = 3  # what a worker without a model and an api that cannot start exit with
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
SOUND_AFTER_S = 30.0
PR_SET_PDEATHSIG = 1


def _die_with_parent() -> Callable[[], None] | None:
    """Make the kernel kill a child whose supervisor was killed outright (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: the new process may not import
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One program that is kept running until it is stopped.

    Args:
        name: What its lines begin with.
        command: Program and arguments.
        environment: All of its environment.
        show: Takes its name and one line.
        grace_s: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        show: Callable[[str, str], None],
        grace_s: float,
    ) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.settled = False  # set when the whole service has worked once
        self._command = command
        self._environment = environment
        self._show = show
        self._grace_s = grace_s
        # Seconds before the first restart; each further restart waits twice as long.
        self.first_pause_s = FIRST_PAUSE_S
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Run the program, again and again, until :meth:`stop`.

        Raises:
            ServeError: It cannot serve, or ended three times before the service ever worked.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run()
            status = (
                f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            if self._stopping.is_set():
                return
            failures = 1 if loop.time() - began > SOUND_AFTER_S else failures + 1
            if not self.settled and (failures >= GIVE_UP_AFTER or code == CANNOT_SERVE):
                raise ServeError(f"{self.name} {status} before it was ready: see its lines above")
            pause = min(self.first_pause_s * 2 ** (failures - 1), LONGEST_PAUSE_S)
            self._show(self.name, f"{status}; starting it again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def stop(self) -> None:
        """End the program: SIGTERM, and SIGKILL after the grace. Does nothing when it has ended."""
        self._stopping.set()
        process = self.process
        if process is None or process.returncode is not None:
            return
        # a program that somebody stopped with SIGSTOP could not heed the first signal
        self._signal(process, signal.SIGTERM, signal.SIGCONT)
        try:
            await asyncio.wait_for(process.wait(), self._grace_s)
        except TimeoutError:
            self._show(self.name, f"did not end within {self._grace_s:g} s: killed")
        self._signal(process, signal.SIGKILL)  # also what the program itself left behind
        await process.wait()

    def kill(self) -> None:
        """End the program at once."""
        self._stopping.set()
        if self.process is not None and self.process.returncode is None:
            self._signal(self.process, signal.SIGKILL)

    async def _run(self) -> int:
        """Run the program once, to its end; returns its exit code, or minus a signal."""
        self.process = process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,  # Ctrl-C reaches only the supervisor, which stops all in order
            preexec_fn=_die_with_parent(),
        )
        if self._stopping.is_set():  # it was asked to stop while the program was starting
            self._signal(process, signal.SIGKILL)
        reader = asyncio.create_task(self._copy(process))
        code = await process.wait()
        # what the program left behind may hold its pipe open
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader, 1)
        return code

    async def _copy(self, process: asyncio.subprocess.Process) -> None:
        """Show whole lines as they come; a line of any length is no error."""
        rest = b""
        while process.stdout and (chunk := await process.stdout.read(65_536)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._show(self.name, line.decode(errors="replace").rstrip())
        if rest:
            self._show(self.name, rest.decode(errors="replace").rstrip())

    @staticmethod
    def _signal(process: asyncio.subprocess.Process, *numbers: int) -> None:
        """Send signals to the program's whole group."""
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
