"""Writes all results of a job as one document, with one page of items in memory at a time."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from enum import StrEnum

from api.http.schemas import JobProgress, item_json
from api.jobs.service import JobService
from shared.errors import BrokerUnavailable
from shared.messages import PROBLEM_BASE, ItemResult
from shared.records.jobs import ItemRecord, JobRecord

PAGE = 100
# How long a document that was begun waits while Redis is unreachable; then it is cut off.
PATIENCE_S = 10.0
RETRY_S = 0.5
CONCEPT_COLUMNS = ("concept", "concept_wnid", "concept_confidence")
CLASS_COLUMNS = ("label", "wnid", "class_index", "confidence")
# A spreadsheet treats a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}",
            "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}",
            "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


class ResultFormat(StrEnum):
    """Format of the document."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


MEDIA_TYPES = {
    ResultFormat.JSON: "application/json",
    ResultFormat.NDJSON: "application/x-ndjson",
    ResultFormat.CSV: "text/csv; charset=utf-8",
}


Pages = AsyncIterator[list[ItemRecord]]


def write(jobs: JobService, first: JobRecord, form: ResultFormat) -> AsyncIterator[str]:
    """The document in pieces.

    Args:
        jobs: Reads the job.
        first: The job with its first ``PAGE`` items.
        form: The format of the document.

    Raises:
        BrokerUnavailable: Redis did not respond for ``PATIENCE_S`` seconds.
        JobNotFound: The record has expired meanwhile.
    """
    return _WRITERS[form](first, _pages(jobs, first))


async def _pages(jobs: JobService, first: JobRecord) -> Pages:
    yield first.items
    for offset in range(PAGE, first.total, PAGE):
        yield await _read_patiently(jobs, first.job_id, offset)


async def _read_patiently(jobs: JobService, job_id: str, offset: int) -> list[ItemRecord]:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return (await jobs.read(job_id, offset, PAGE)).items
        except BrokerUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(RETRY_S)


async def _json(first: JobRecord, items: Pages) -> AsyncIterator[str]:
    """The job as ``GET /jobs/{id}`` returns it, with all of its items."""
    head = JobProgress.of_record(first).model_dump_json()
    yield head.removesuffix("}") + ',"items":['
    between = ""
    async for page in items:
        yield between + ",".join(map(item_json, page))
        between = ","
    yield '],"next":null}'


async def _ndjson(_: JobRecord, items: Pages) -> AsyncIterator[str]:
    async for page in items:
        yield "".join(item_json(item) + "\n" for item in page)


async def _csv(first: JobRecord, items: Pages) -> AsyncIterator[str]:
    """One row per photo; the web page and the command ``classify`` write the same columns."""
    ranks = range(1, first.top_k + 1)
    names = [f"{name}_{rank}" for rank in ranks for name in CLASS_COLUMNS]
    yield _lines([["index", "path", "status", *CONCEPT_COLUMNS, *names, "error", "detail"]])
    async for page in items:
        yield _lines([_row(item, len(names)) for item in page])


def _row(item: ItemRecord, width: int) -> list[str | int | float]:
    result = item.result or ItemResult()
    concept: list[str | float] = ["", "", ""]
    if result.concept:
        concept = [result.concept.label, result.concept.wnid, result.concept.confidence]
    classes: list[str | int | float] = []
    for found in result.predictions or ():
        classes += [safe_cell(found.label), found.wnid or "", found.class_index, found.confidence]
    classes += [""] * (width - len(classes))
    error = result.error
    slug = error.type.removeprefix(PROBLEM_BASE) if error else ""
    detail = safe_cell(error.detail) if error else ""
    name = safe_cell(item.filename or "")
    return [item.index, name, item.status, *concept, *classes, slug, detail]


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front if a spreadsheet would run it as a formula.

    A photo's name comes from the client. The formats other than CSV return it unchanged.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: list[list[str | int | float]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


_WRITERS: dict[ResultFormat, Callable[[JobRecord, Pages], AsyncIterator[str]]] = {
    ResultFormat.JSON: _json,
    ResultFormat.NDJSON: _ndjson,
    ResultFormat.CSV: _csv,
}
