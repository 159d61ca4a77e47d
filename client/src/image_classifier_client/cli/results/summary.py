"""The summary of a run: how many photos were classified, failed or were skipped."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from image_classifier_client.cli.results.rows import Row, printable

# The summary names at most this many failures; the file has all of them.
MAX_FAILURES = 10


class Summary:
    """Counts rows."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []

    @property
    def cancelled(self) -> int:
        """Photos whose job was cancelled."""
        return self._counts["cancelled"]

    def count(self, rows: Iterable[Row]) -> list[str]:
        """Count rows; return a line for each photo that was not classified."""
        failures = []
        for row in rows:
            self._counts[row.status] += 1
            if row.predictions is None:
                reason = row.problem.detail if row.problem else "its job was cancelled"
                failures.append(f"{printable(row.path)}: {reason}")
        self._failures += failures[: MAX_FAILURES - len(self._failures)]
        return failures

    def lines(self, succeeded: int, failed: int, out: Path, skipped: int) -> Iterator[str]:
        """Yield the lines of the summary.

        Args:
            succeeded: Photos in the file that were classified, in this run or earlier.
            failed: Photos in the file that failed, in this run or earlier.
            out: The file.
            skipped: Files that are not photos.
        """
        yield from self._failures
        more = self._counts["failed"] + self.cancelled - len(self._failures)
        if more:
            yield f"and {more:,} more: see {out}"
        total = self._counts.total()
        seconds = time.monotonic() - self._start
        parts = [f"{self._counts['succeeded']:,} classified"]
        parts += [f"{n:,} {word}" for word in ("failed", "cancelled") if (n := self._counts[word])]
        if earlier := succeeded - self._counts["succeeded"]:
            parts.append(f"{earlier:,} classified earlier")
        if earlier := failed - self._counts["failed"]:
            parts.append(f"{earlier:,} failed earlier (--retry-failed sends them again)")
        if skipped:
            parts.append(f"{skipped:,} other files skipped")
        rate = f" in {seconds:.1f} s, {total / seconds:.1f} photos/s" if total else ""
        yield f"{', '.join(parts)}{rate}; results in {out}"
