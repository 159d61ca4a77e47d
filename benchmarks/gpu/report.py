"""Rows of the table for docs/performance.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.tables.table import markdown


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        what: What was measured or checked.
        result: The figures.
        good: Whether the check passed; None for a benchmark.
    """

    what: str
    result: str
    good: bool | None = None


def written(title: str, rows: Sequence[Row]) -> str:
    """The table as Markdown; failed checks are marked."""
    marks = {True: "yes", False: "**NO**", None: ""}
    return markdown([title, "", "as promised"], [[r.what, r.result, marks[r.good]] for r in rows])
