"""What the worker's commands share: they print one line, a result or an error."""

import sys
from collections.abc import Callable

from pydantic import ValidationError

from shared.settings import explain
from worker.models.weights import ModelUnavailable


def run(name: str, work: Callable[[], str]) -> int:
    """Print what ``work`` returns, or on stderr why it could not; returns the exit code."""
    try:
        print(work())  # noqa: T201 - a command speaks
    except ValidationError as error:
        say(name, explain(error))
    except ModelUnavailable as error:
        say(name, str(error))
    else:
        return 0
    return 1


def say(name: str, line: str) -> None:
    """One line on stderr."""
    print(f"{name}: {line}", file=sys.stderr)  # noqa: T201 - as above
