"""Helpers for the worker's commands, which print a result or one line with an error."""

import sys
from collections.abc import Callable

from pydantic import ValidationError

from shared.settings import explain
from worker.models.weights import ModelUnavailable


def run(name: str, work: Callable[[], str]) -> int:
    """Print the result of ``work``, or its error on stderr.

    Args:
        name: The command's name, for the error line.
        work: Returns the text to print.

    Returns:
        The exit code: 0, or 1 after an error.
    """
    try:
        print(work())  # noqa: T201 - the output of a command
    except ValidationError as error:
        say(name, explain(error))
    except ModelUnavailable as error:
        say(name, str(error))
    else:
        return 0
    return 1


def say(name: str, line: str) -> None:
    """Print one line on stderr."""
    print(f"{name}: {line}", file=sys.stderr)  # noqa: T201 - as above
