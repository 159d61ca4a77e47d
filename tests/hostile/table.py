"""`expected.csv`: what each hostile or odd input is answered with, written before any was sent (but
four, `body-json-uri-escaped` and `body-json-…-26-MB`, which came with the defect that they show).

A case's own name comes before a pattern. Several answers stand where standards or decoders leave a
choice, or where the first run taught better and the last column says what; none is ever a 500.
``closed`` is the end of a connection without an answer.
"""

import csv
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("expected.csv")


class Row(NamedTuple):
    """One line of the table."""

    case: str
    answers: frozenset[str]
    as_plain: bool


@cache
def rows() -> dict[str, Row]:
    """Every line, by its case."""
    with TABLE.open(newline="") as file:
        lines = [
            Row(
                line["case"],
                frozenset(answer.strip() for answer in line["expected"].split("|")),
                line["answers as"] == "plain",
            )
            for line in csv.DictReader(file)
        ]
    assert len({line.case for line in lines}) == len(lines), "a case stands twice in the table"
    return {line.case: line for line in lines}


def row_of(name: str) -> Row:
    """The one line that speaks of a case."""
    if name in rows():
        return rows()[name]
    [row] = [row for row in rows().values() if fnmatchcase(name, row.case)]
    return row
