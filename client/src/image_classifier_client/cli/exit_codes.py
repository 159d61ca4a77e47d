"""Exit codes, and the errors that end the command early."""

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
    WaitTimeout,
)


class ExitCode(IntEnum):
    """Why the command ended, for scripts."""

    CLASSIFIED = 0
    SOME_FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    REFUSED = 4
    NOT_WRITTEN = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class CommandError(Exception):
    """Ends the command with an exit code and one line of text."""

    def __init__(self, code: ExitCode, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Terminated(BaseException):
    """SIGTERM; it ends a run as Ctrl-C does."""


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the block is finished. For the main thread only."""
    received: list[int] = []

    def remember(number: int, _: object) -> None:
        received.append(number)

    with ExitStack() as handlers:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers.callback(signal.signal, number, signal.getsignal(number))
            signal.signal(number, remember)
        yield
    if received:
        signal.raise_signal(received[0])


@contextmanager
def as_command_error() -> Iterator[None]:
    """Turn the errors that users meet into ``CommandError``.

    Raises:
        CommandError: The block failed.
    """
    try:
        yield
    except ClassifierError as error:
        code, text = _explain(error)
        if error.job_id:
            text += f"; to get the result of job {error.job_id}: classify --watch {error.job_id}"
        raise CommandError(code, text) from error
    except KeyboardInterrupt as error:
        raise CommandError(ExitCode.INTERRUPTED, "interrupted") from error
    except Terminated as error:
        raise CommandError(ExitCode.TERMINATED, "terminated") from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise CommandError(ExitCode.PIPE_CLOSED) from error
        raise CommandError(ExitCode.NOT_WRITTEN, f"cannot write the output: {error}") from error


def _explain(error: ClassifierError) -> tuple[ExitCode, str]:
    text = (error.detail or error.problem.title) if isinstance(error, ProblemError) else str(error)
    match error:
        case ServiceUnreachable(proxy=None):
            hint = "start the service with `make serve`, or set --url or CLASSIFIER_URL"
            return ExitCode.UNAVAILABLE, f"{text}; {hint}"
        case ServiceUnreachable():
            hint = "check the proxy, or add the service's host to NO_PROXY"
            return ExitCode.UNAVAILABLE, f"{text}; {hint}"
        case ServiceUnavailable() | WaitTimeout():
            return ExitCode.UNAVAILABLE, text
        case Unauthorized() if error.problem.type == "/problems/unauthorized":
            hint = "the API key is read from the environment variable CLASSIFIER_API_KEY"
            return ExitCode.REFUSED, f"{text} ({hint})"
    return ExitCode.REFUSED, text
