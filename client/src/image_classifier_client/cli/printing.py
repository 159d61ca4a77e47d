"""Rows on stdout: JSON lines, text for programs, or text for people. Depends on rows and rich."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from image_classifier_client.cli.rows import Row, as_json, as_text, shown


class Printer:
    """Prints rows as they come.

    Args:
        as_objects: One JSON object per photo, failed ones included.
    """

    def __init__(self, *, as_objects: bool) -> None:
        self.done: set[str] = set()  # stdout remembers nothing of an earlier run
        self.succeeded = self.failed = 0
        self._as_objects = as_objects
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def append(self, rows: Iterable[Row]) -> None:
        """Print these rows, at once.

        Raises:
            OSError: Nobody reads them.
        """
        for row in rows:
            self.succeeded += row.status == "succeeded"
            self.failed += row.status == "failed"
            if self._as_objects:
                sys.stdout.write(as_json(row) + "\n")
            elif row.predictions is not None:
                if self._console.is_terminal:
                    self._console.print(pretty(row))
                else:
                    sys.stdout.write(as_text(row) + "\n")
        sys.stdout.flush()


def pretty(row: Row) -> Text:
    """Path, then each class with its confidence in per cent, the first one bright."""
    text = Text(shown(row.path), style="cyan")
    for rank, prediction in enumerate(row.predictions or ()):
        text.append("  ")
        text.append(prediction.label, style="dim" if rank else "bold")
        text.append(f" {prediction.confidence:.1%}", style="dim" if rank else "green")
    return text
