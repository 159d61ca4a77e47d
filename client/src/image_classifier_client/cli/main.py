"""The entry of ``classify``: which command it is, and how it ends."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from image_classifier_client.cli import health, photos
from image_classifier_client.cli.exits import ExitCode, Stop, Terminated
from image_classifier_client.cli.screen import complain


def main() -> NoReturn:
    """Run, and exit as the table in the README says."""
    arguments = sys.argv[1:]
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if arguments[:1] == ["health"]:
            health.app(arguments[1:], prog_name="classify health")
        else:
            photos.app(arguments, prog_name="classify")
    except Stop as stop:
        if str(stop):
            complain(str(stop))
        _forget_stdout()
        sys.exit(stop.code)
    sys.exit(ExitCode.CLASSIFIED)


def _terminate(_: int, __: FrameType | None) -> NoReturn:
    raise Terminated


def _forget_stdout() -> None:
    """What nobody reads must not fail again when Python flushes it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
