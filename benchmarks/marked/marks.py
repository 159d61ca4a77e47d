"""Records in a file of each process when the steps of a photo begin and end.

All processes of a machine share one monotonic clock, so the lines of all files can be sorted.
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
    # line-buffered: a signal may end the process
    return Path(os.environ[FOLDER], str(os.getpid())).open("w", buffering=1)


def _note(step: str, edge: str) -> None:
    _file().write(f"{time.monotonic():.6f} {step} {edge}\n")


def mark(owner: Any, name: str, step: str) -> None:
    """Wrap ``owner.name``, a function or coroutine function, to record when it begins and ends."""
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
