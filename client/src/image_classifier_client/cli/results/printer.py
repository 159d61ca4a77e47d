"""Prints results on stdout: as JSON, as tab-separated text, or in colour on a terminal."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from image_classifier_client.cli.results.rows import Row, as_json, as_text, printable


class Printer:
    """Prints rows.

    Args:
        as_json: Print one JSON object per photo, also for photos that failed.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.done: set[str] = set()  # nothing is known of an earlier run
        self.succeeded = self.failed = 0
        self._as_json = as_json
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def classified(self) -> Iterator[Row]:
        """Yield nothing: an earlier run left no results."""
        yield from ()

    def append(self, rows: Iterable[Row]) -> None:
        """Print rows, and flush them.

        Raises:
            OSError: The pipe is closed.
        """
        for row in rows:
            self.succeeded += row.status == "succeeded"
            self.failed += row.status == "failed"
            if self._as_json:
                print_json(as_json(row))
            elif row.predictions is not None:
                # not what rich takes for a terminal: FORCE_COLOR must not change a pipe
                if sys.stdout.isatty():
                    self._console.print(styled(row))
                else:
                    sys.stdout.write(as_text(row) + "\n")
        sys.stdout.flush()


def print_json(text: str) -> None:
    """Print a line of JSON, always in UTF-8 (RFC 8259, 8.1)."""
    sys.stdout.buffer.write(text.encode() + b"\n")


def styled(row: Row) -> Text:
    """Path, concept and classes with their confidence as a percentage; the first one is bold."""
    text = Text(printable(row.path), style="cyan")
    named = [row.concept] if row.concept else []
    for rank, one in enumerate([*named, *(row.predictions or ())]):
        text.append(": " if rank == len(named) == 1 else "  ")
        text.append(one.label, style="dim" if rank else "bold")
        text.append(f" {one.confidence:.1%}", style="dim" if rank else "green")
    if not row.predictions:
        text.append("  no class above the minimum confidence", style="dim")
    return text
