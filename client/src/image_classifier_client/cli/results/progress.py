"""Progress and messages on stderr."""

import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from image_classifier_client.errors import ServiceUnavailable, ServiceUnreachable


class ProgressDisplay:
    """Messages, and a progress bar if stderr is a terminal.

    Args:
        total: Number of photos.
        bar: Whether to show the bar.
    """

    def __init__(self, total: int, *, bar: bool) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False)
        self._retrying = False
        self._done = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            disable=not (bar and self.console.is_terminal),
        )
        self._task = self._progress.add_task("classifying", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._progress.stop()

    def note(self, text: str) -> None:
        """Print one line."""
        with suppress(OSError):
            self.console.print(f"classify: {text}", soft_wrap=True)

    def add(self, photos: int) -> None:
        """Count photos whose results are written."""
        self._done += photos
        self.show_finished(0)

    def show_finished(self, photos: int) -> None:
        """Show so many more photos as done, without counting them. The service has responded."""
        if self._retrying:
            self._retrying = False
            self.note("the service is available again")
        self._progress.update(self._task, completed=self._done + photos)

    def retrying(self, error: ServiceUnavailable | ServiceUnreachable, wait_s: float) -> None:
        """Report the first of several failed attempts."""
        if not self._retrying:
            self._retrying = True
            reason = error.detail if isinstance(error, ServiceUnavailable) else str(error)
            self.note(f"{reason} (retrying in {wait_s:.1f} s)")


class _Rate(ProgressColumn):
    """Photos per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


def print_message(text: str) -> None:
    """Print one line on stderr while there is no progress bar."""
    with suppress(OSError):
        print(f"classify: {text}", file=sys.stderr, flush=True)  # noqa: T201 - for the user
