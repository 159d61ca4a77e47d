"""Exit codes that scripts can trust, and the errors that end a run early.

Depends on the SDK's errors alone.
"""

import errno
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import IntEnum

from image_classifier_client.errors import (
    ClassifierError,
    ProblemError,
    ServiceUnavailable,
    ServiceUnreachable,
    Unauthorized,
)


class ExitCode(IntEnum):
    """What the command's end means."""

    CLASSIFIED = 0
    SOME_FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    REFUSED = 4
    NOT_WRITTEN = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class Stop(Exception):
    """Ends the command with a code and one clear line."""

    def __init__(self, code: ExitCode, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Terminated(BaseException):
    """SIGTERM, which ends a run as Ctrl-C does."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the block's end; for the main thread, which they interrupt."""
    came: list[int] = []

    def wait(number: int, _: object) -> None:
        came.append(number)

    with ExitStack() as handlers:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers.callback(signal.signal, number, signal.getsignal(number))
            signal.signal(number, wait)
        yield
    if came:
        signal.raise_signal(came[0])


@contextmanager
def stopping() -> Iterator[None]:
    """Whatever the block raises of what users meet, as ``Stop``."""
    try:
        yield
    except ServiceUnreachable as error:
        hint = "start the service with `make serve`, or name another with --url or CLASSIFIER_URL"
        raise Stop(ExitCode.UNAVAILABLE, f"{error}; {hint}") from error
    except ServiceUnavailable as error:
        raise Stop(ExitCode.UNAVAILABLE, error.detail or error.problem.title) from error
    except Unauthorized as error:
        hint = "the key is read from the environment variable CLASSIFIER_API_KEY"
        raise Stop(ExitCode.REFUSED, f"{error.detail or error.problem.title} ({hint})") from error
    except ProblemError as error:
        raise Stop(ExitCode.REFUSED, error.detail or error.problem.title) from error
    except ClassifierError as error:
        raise Stop(ExitCode.REFUSED, str(error)) from error
    except KeyboardInterrupt as error:
        raise Stop(ExitCode.INTERRUPTED, "interrupted") from error
    except Terminated as error:
        raise Stop(ExitCode.TERMINATED, "terminated") from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise Stop(ExitCode.PIPE_CLOSED) from error
        raise Stop(ExitCode.NOT_WRITTEN, f"the output cannot be written: {error}") from error
