import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable

import psutil
import pytest

from scripts.serve.errors import ServeError
from scripts.serve.process import CANNOT_SERVE, Child

Keep = Callable[[str], Child]


class Lines(list[str]):
    def show(self, name: str, line: str) -> None:
        self.append(f"{name}: {line}")

    async def until(self, wanted: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while sum(wanted in line for line in self) < times:  # noqa: ASYNC110 - filled by a child
                await asyncio.sleep(0.01)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
async def keep(lines: Lines) -> AsyncIterator[Keep]:
    """Keeps a Python program running until the test ends."""
    kept: list[tuple[Child, asyncio.Task[None]]] = []

    def start(code: str) -> Child:
        command = [sys.executable, "-S", "-u", "-c", code]
        child = Child("it", command, dict(os.environ), lines.show, grace_s=2)
        child.first_pause_s = 0.01
        kept.append((child, asyncio.create_task(child.keep())))
        return child

    yield start
    for child, task in kept:
        await child.stop()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_line_carries_the_name_of_its_program(keep: Keep, lines: Lines) -> None:
    keep("import sys, time; print('one'); print('two', file=sys.stderr); time.sleep(60)")
    await lines.until("two")
    assert lines == ["it: one", "it: two"]


async def test_a_line_without_an_end_and_a_very_long_one_are_shown(
    keep: Keep, lines: Lines
) -> None:
    keep("import time; print('x' * 300_000); print('rest', end=''); open('/dev/null')")
    await lines.until("rest")
    assert max(map(len, lines)) > 300_000


async def test_a_program_that_was_killed_starts_again(keep: Keep, lines: Lines) -> None:
    child = keep("import time; print('up'); time.sleep(60)")
    child.settled = True
    await lines.until("up")
    assert child.process is not None
    os.kill(child.process.pid, signal.SIGKILL)
    await lines.until("up", times=2)
    assert "it: was ended by SIGKILL; starting it again in 0.01 s" in lines


@pytest.mark.parametrize(("code", "starts"), [(1, 3), (CANNOT_SERVE, 1)])
async def test_early_ends_are_a_failure_in_one_line(lines: Lines, code: int, starts: int) -> None:
    command = ["sh", "-c", f"echo up; exit {code}"]
    child = Child("it", command, dict(os.environ), lines.show, grace_s=1)
    with pytest.raises(ServeError, match=f"it ended with {code} before it was ready"):
        await child.keep()
    assert lines.count("it: up") == starts


async def test_a_settled_program_is_started_again_for_ever(keep: Keep, lines: Lines) -> None:
    keep("print('up')").settled = True
    await lines.until("up", times=5)


async def test_stopping_lets_a_program_end_by_itself(keep: Keep, lines: Lines) -> None:
    child = keep(
        "import signal, time\n"
        "def end(*_): print('goodbye'); raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end); print('up'); time.sleep(60)"
    )
    await lines.until("up")
    await child.stop()
    await lines.until("goodbye")


async def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(
    keep: Keep, lines: Lines
) -> None:
    child = keep(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    )
    await lines.until("up")
    await child.stop()
    assert "it: did not end within 2 s: killed" in lines
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


async def test_a_frozen_program_stops_as_well(keep: Keep, lines: Lines) -> None:
    child = keep("import time; print('up'); time.sleep(60)")
    await lines.until("up")
    assert child.process is not None
    os.kill(child.process.pid, signal.SIGSTOP)
    await child.stop()
    assert child.process.returncode == -signal.SIGTERM


async def test_children_of_a_program_end_with_it(keep: Keep, lines: Lines) -> None:
    child = keep(
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '60']).pid, 'up'); time.sleep(60)"
    )
    await lines.until("up")
    grandchild = psutil.Process(int(lines[0].split()[1]))
    await child.stop()
    _, alive = psutil.wait_procs([grandchild], timeout=2)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


async def test_a_program_stopped_while_it_starts_does_not_stay(lines: Lines) -> None:
    child = Child("it", ["sleep", "60"], dict(os.environ), lines.show, grace_s=1)
    task = asyncio.create_task(child.keep())
    await asyncio.sleep(0)
    await child.stop()
    async with asyncio.timeout(5):
        await task


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl")
async def test_no_child_outlives_a_supervisor_that_was_killed() -> None:
    code = (
        "import asyncio, os\n"
        "from scripts.serve.process import CANNOT_SERVE, Child\n"
        "show = lambda name, line: print(line, flush=True)\n"
        "command = ['sh', '-c', 'echo $$; exec sleep 60']\n"
        "asyncio.run(Child('it', command, dict(os.environ), show, 1).keep())\n"
    )
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    async with asyncio.timeout(10):
        child = psutil.Process(int(await supervisor.stdout.readline()))
    supervisor.kill()
    await supervisor.wait()
    _, alive = psutil.wait_procs([child], timeout=3)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
