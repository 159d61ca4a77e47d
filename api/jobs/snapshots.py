"""Builds a job's record without reading it from Redis.

`as_created` is used when the record was written and then Redis stops responding: the job is
accepted, and after a 503 the client would send it twice. `as_ended` uses the worker's message.
"""

import time
from dataclasses import replace

from pydantic import ValidationError

from shared.messages import ItemResult, ItemState, JobState
from shared.records.jobs import ItemRecord, JobRecord, NewItem, NewJob


def as_created(job: NewJob, limit: int = 1) -> JobRecord:
    """The record of a new job, with its first ``limit`` items."""
    items = [_item_as_created(at, item) for at, item in enumerate(job.items)]
    failed = sum(item.status is ItemState.FAILED for item in items)
    counts = {
        **dict.fromkeys(ItemState, 0),
        ItemState.QUEUED: len(items) - failed,
        ItemState.FAILED: failed,
    }
    return JobRecord(
        job_id=job.job_id,
        queue=job.queue,
        status=JobState.RUNNING if failed else JobState.QUEUED,
        top_k=job.top_k,
        created_ms=int(time.time() * 1000),
        finished_ms=None,
        expires_ms=None,
        total=len(items),
        counts=counts,
        items=items[:limit],
    )


def as_ended(job: NewJob, ended: str) -> JobRecord | None:
    """The record of a finished job with one photo.

    Args:
        job: The job as it was created.
        ended: The item's state, a space and its result as JSON, which may be empty.

    Returns:
        ``None`` if another version wrote ``ended``: the record has to be read from Redis.
    """
    word, _, text = ended.partition(" ")
    try:
        state = ItemState(word)
        result = ItemResult.model_validate_json(text) if text else None
    except (ValidationError, ValueError):
        return None
    began = as_created(job)
    return replace(
        began,
        status=JobState.COMPLETED,
        finished_ms=int(time.time() * 1000),
        counts={**dict.fromkeys(ItemState, 0), state: 1},
        items=[replace(began.items[0], status=state, result=result)],
    )


def _item_as_created(index: int, item: NewItem) -> ItemRecord:
    status = ItemState.FAILED if item.problem else ItemState.QUEUED
    result = ItemResult(error=item.problem) if item.problem else None
    return ItemRecord(index, item.filename, item.upload_key, status, result)
