"""Writes down when each step of a photo begins and ends, in the process that takes it.

All processes of a machine read one monotonic clock, so their lines can be put in one order.
"""

import functools
import inspect
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

FOLDER = "MARKS_FOLDER"


@functools.cache
def _file() -> TextIO:
    # a line at a time: the process may be ended by a signal
    return Path(os.environ[FOLDER], str(os.getpid())).open("w", buffering=1)


def _note(step: str, edge: str) -> None:
    _file().write(f"{time.monotonic():.6f} {step} {edge}\n")


def mark(owner: Any, name: str, step: str) -> None:
    """Have ``owner.name``, a function or coroutine function, note when it begins and ends."""
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    async def later(*args: Any, **kwargs: Any) -> Any:
        _note(step, "begins")
        try:
            return await function(*args, **kwargs)
        finally:
            _note(step, "ends")

    @functools.wraps(function)
    def now(*args: Any, **kwargs: Any) -> Any:
        _note(step, "begins")
        try:
            return function(*args, **kwargs)
        finally:
            _note(step, "ends")

    setattr(owner, name, later if inspect.iscoroutinefunction(function) else now)
