"""The result of one photo, and how it is written: as JSON, as a CSV record and as text."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from image_classifier_client.models import (
    Concept,
    JobItem,
    ModelInfo,
    Prediction,
    Problem,
    TimingMs,
)

# A spreadsheet takes a cell that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}",
           "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}",
           "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


CONCEPT_COLUMNS = ("concept", "concept_wnid", "concept_confidence")
CLASS_COLUMNS = ("label", "wnid", "class_index", "confidence")


@dataclass(frozen=True)
class Row:
    """A photo with its predictions or its problem; with neither if its job was cancelled."""

    path: str
    predictions: list[Prediction] | None = None
    model: ModelInfo | None = None
    timing_ms: TimingMs | None = None
    problem: Problem | None = None
    concept: Concept | None = None

    @classmethod
    def of(cls, path: str, item: JobItem) -> "Row":
        """From a finished item of a job."""
        return cls(path, item.predictions, item.model, item.timing_ms, item.error, item.concept)

    @property
    def status(self) -> str:
        """The status of the item: ``succeeded``, ``failed`` or ``cancelled``."""
        if self.predictions is not None:
            return "succeeded"
        return "failed" if self.problem else "cancelled"


def as_json(row: Row) -> str:
    """One line of JSON. A path that is not valid text is escaped."""
    value: dict[str, Any] = {"path": row.path, "status": row.status}
    if row.concept:
        value["concept"] = row.concept.model_dump()
    if row.predictions is not None:
        value["predictions"] = [p.model_dump(exclude_none=True) for p in row.predictions]
    if row.model:
        value["model"] = row.model.model_dump()
    if row.timing_ms:
        value["timing_ms"] = row.timing_ms.model_dump()
    if row.problem:
        value["error"] = row.problem.model_dump(exclude_none=True)
    return json.dumps(value, ensure_ascii=not row.path.isprintable())


def from_json(text: bytes) -> Row:
    """Read path, concept and classes of a photo that was classified.

    Raises:
        ValueError, LookupError, TypeError: It is no such record.
    """
    value = json.loads(text)
    concept = Concept.model_validate(value["concept"]) if "concept" in value else None
    classes = [Prediction.model_validate(one) for one in value["predictions"]]
    return Row(value["path"], classes, concept=concept)


def csv_columns(top_k: int) -> list[str]:
    """The names of the columns, the same as in the CSV files of the service."""
    classes = [f"{name}_{rank}" for rank in range(1, top_k + 1) for name in CLASS_COLUMNS]
    return ["index", "path", "status", *CONCEPT_COLUMNS, *classes, "error", "detail"]


def as_csv(row: Row, index: int, top_k: int) -> str:
    """One record without its line end."""
    classes: list[object] = []
    # no formula, and still the path of the same file
    path = f"./{row.path}" if row.path.startswith(FORMULA) else row.path
    for prediction in row.predictions or ():
        classes += [_safe(prediction.label), prediction.wnid or ""]
        classes += [prediction.class_index, prediction.confidence]
    classes += [""] * (len(CLASS_COLUMNS) * top_k - len(classes))
    concept = [row.concept.label, row.concept.wnid, row.concept.confidence] if row.concept else []
    concept += [""] * (len(CONCEPT_COLUMNS) - len(concept))
    problem = (row.problem.slug, row.problem.detail) if row.problem else ("", "")
    return csv_record([index, path, row.status, *concept, *classes, *map(_safe, problem)])


def from_csv(text: str) -> Row:
    """Read path, concept and the first class of a photo that was classified.

    Raises:
        ValueError, LookupError: It is no such record.
    """
    [values] = csv.reader(io.StringIO(text, newline=""))
    concept, first = (
        {name: value for name, value in zip(names, values[begin:], strict=False) if value}
        for begin, names in ((3, ("label", "wnid", "confidence")), (6, CLASS_COLUMNS))
    )
    if first:
        first["label"] = _unsafe(first["label"])
    return Row(
        values[1],
        [Prediction.model_validate(first)] if first else [],
        concept=Concept.model_validate(concept) if concept else None,
    )


def _safe(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _unsafe(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def csv_record(values: list[Any]) -> str:
    """A record without its line end."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)  # its line end also makes it quote line ends
    return buffer.getvalue().removesuffix("\r\n")


def as_text(row: Row) -> str:
    """Path, concept and classes, each with its confidence, separated by tabs.

    Without a concept its two fields are empty, so that each class has the same
    place on every line.
    """
    named = [row.concept, *(row.predictions or ())]
    fields = [f"{one.label}\t{one.confidence:.6f}" if one else "\t" for one in named]
    return "\t".join([printable(row.path), *fields])


def printable(path: str) -> str:
    """A path on one line, with control characters escaped."""
    text = path.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
