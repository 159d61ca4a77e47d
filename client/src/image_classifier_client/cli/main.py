"""Entry point of ``classify``: chooses the command and sets the exit code."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from image_classifier_client.cli.commands import classify, health, jobs
from image_classifier_client.cli.exit_codes import CommandError, ExitCode, Terminated
from image_classifier_client.cli.results.progress import print_message


def main() -> NoReturn:
    """Run the command and exit; the README lists the exit codes."""
    arguments = sys.argv[1:]
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if not sys.stdout.isatty():  # what programs read does not depend on a terminal's settings
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        if arguments[:1] == ["health"]:
            health.app(arguments[1:], prog_name="classify health")
        elif arguments[:1] == ["jobs"]:
            jobs.app(arguments[1:], prog_name="classify jobs")
        else:
            classify.app(arguments, prog_name="classify")
    except CommandError as error:
        if str(error):
            print_message(str(error))
        _flush_stdout()
        sys.exit(error.code)
    sys.exit(ExitCode.CLASSIFIED)


def _terminate(_: int, __: FrameType | None) -> NoReturn:
    raise Terminated


def _flush_stdout() -> None:
    """Flush stdout; if its pipe is closed, discard the rest, so that Python's exit can flush."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
