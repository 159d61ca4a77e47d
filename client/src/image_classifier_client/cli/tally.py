"""How the photos of a run ended, in numbers and in words. Depends on rows."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from image_classifier_client.cli.rows import Row, shown

# More failures than this are not told one by one: the file has them.
TOLD = 10


class Tally:
    """Counts rows as they come."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._complaints: list[str] = []

    @property
    def cancelled(self) -> int:
        """Photos whose job was cancelled by somebody."""
        return self._counts["cancelled"]

    def count(self, rows: Iterable[Row]) -> list[str]:
        """Take rows in; returns what to say of those that were not classified."""
        complaints = []
        for row in rows:
            self._counts[row.status] += 1
            if row.predictions is None:
                why = row.problem.detail if row.problem else "its job was cancelled"
                complaints.append(f"{shown(row.path)}: {why}")
        self._complaints += complaints[: TOLD - len(self._complaints)]
        return complaints

    def summary(self, succeeded: int, failed: int, out: Path, skipped: int) -> Iterator[str]:
        """Lines for a person.

        Args:
            succeeded: Photos in the file that were classified, now or before.
            failed: Photos in the file that failed, now or before.
            out: The file.
            skipped: Files that are no photos.
        """
        yield from self._complaints
        untold = self._counts["failed"] + self.cancelled - len(self._complaints)
        if untold:
            yield f"… and {untold:,} more; {out} says why"
        total = self._counts.total()
        seconds = time.monotonic() - self._began
        parts = [f"{self._counts['succeeded']:,} classified"]
        parts += [f"{n:,} {word}" for word in ("failed", "cancelled") if (n := self._counts[word])]
        if before := succeeded - self._counts["succeeded"]:
            parts.append(f"{before:,} already there")
        if before := failed - self._counts["failed"]:
            parts.append(f"{before:,} failed before (--retry-failed sends them again)")
        if skipped:
            parts.append(f"{skipped:,} other files passed over")
        rate = f" in {seconds:.1f} s, {total / seconds:.1f} photos/s" if total else ""
        yield f"{', '.join(parts)}{rate}; results in {out}"
