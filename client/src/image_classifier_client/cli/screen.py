"""What the command shows beside its results, all of it on stderr. Depends on rich."""

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


class Screen:
    """Notes, and a progress bar where there is a terminal to draw it on.

    Args:
        total: Photos in all.
        bar: Whether a bar is wanted.
    """

    def __init__(self, total: int, *, bar: bool) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False)
        self._away = False
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
        at: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._progress.stop()

    def note(self, text: str) -> None:
        """One line for a person."""
        with suppress(OSError):
            self.console.print(f"classify: {text}", soft_wrap=True)

    def add(self, photos: int) -> None:
        """So many photos more are done for good."""
        self._done += photos
        self.ended(0)

    def ended(self, photos: int) -> None:
        """So many photos beside those have ended; the service has answered."""
        if self._away:
            self._away = False
            self.note("the service is back")
        self._progress.update(self._task, completed=self._done + photos)

    def retrying(self, error: ServiceUnavailable | ServiceUnreachable, wait_s: float) -> None:
        """The service is away or busy; said once until it is back."""
        if not self._away:
            self._away = True
            reason = error.detail if isinstance(error, ServiceUnavailable) else str(error)
            self.note(f"{reason} (trying again, in {wait_s:.1f} s at first)")


class _Rate(ProgressColumn):
    """Photos per second, of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


def complain(text: str) -> None:
    """One line on stderr, beside no bar."""
    with suppress(OSError):
        print(f"classify: {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command's words
