"""Writes and reads the records of a file of results."""

import csv
import json
from pathlib import Path
from typing import Any

from image_classifier_client.cli.results.formats import BOM
from image_classifier_client.cli.results.results_file import ResultsFile
from image_classifier_client.cli.results.rows import Row
from image_classifier_client.models import Prediction, Problem

PREDICTIONS = [
    Prediction(label=f"class {at}", class_index=at, confidence=0.5 / (at + 1)) for at in range(2)
]


def good(path: str) -> Row:
    return Row(path, PREDICTIONS)


def bad(path: str) -> Row:
    return Row(path, problem=Problem(type="/problems/worker_lost", detail="Say\nwhy."))


def write(path: Path, *rows: Row, **options: Any) -> set[str]:
    """Add records in one run; returns the paths that were in the file before."""
    with ResultsFile(path, 2, **options) as out:
        before = set(out.done)
        out.append(rows)
    return before


def paths_in(path: Path) -> list[str]:
    """The paths in a file of results, read with the usual parser of its format."""
    text = path.read_bytes().removeprefix(BOM).decode(errors="surrogateescape")
    if path.suffix == ".csv":
        return [record["path"] for record in csv.DictReader(text.splitlines(keepends=True))]
    if path.suffix == ".json":
        return [value["path"] for value in json.loads(text)]
    return [json.loads(line)["path"] for line in text.splitlines()]
