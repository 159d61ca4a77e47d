"""Measures how long an answer takes, without what other processes' use of the machine adds."""

import threading
import time
from pathlib import Path


class Stopwatch:
    """Seconds, less those for which the threads were ready to run and waited for a processor.

    Args:
        pid: The process that is waited for, by its main thread; the other thread is this one.
    """

    def __init__(self, pid: int) -> None:
        self._threads = (pid, threading.get_native_id())
        self._began = self._now()

    def _now(self) -> float:
        return time.monotonic() - sum(map(_waited_s, self._threads))

    @property
    def seconds(self) -> float:
        return self._now() - self._began


def _waited_s(thread: int) -> float:
    # run time, wait time in ns, time slices: Documentation/scheduler/sched-stats.rst of Linux
    return int(Path(f"/proc/{thread}/schedstat").read_text().split()[1]) / 1e9
