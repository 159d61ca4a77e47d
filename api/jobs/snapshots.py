"""Builds a job's record as it was created, without reading it from Redis.

It is used when the record was written and then Redis stops responding: the job is accepted, and
after a 503 the client would send it twice.
"""

import time

from shared.messages import ItemResult, ItemState, JobState
from shared.records.jobs import ItemRecord, JobRecord
from shared.records.new_job import NewItem, NewJob


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


def _item_as_created(index: int, item: NewItem) -> ItemRecord:
    status = ItemState.FAILED if item.problem else ItemState.QUEUED
    problem = ItemResult(error=item.problem) if item.problem else None
    stored = problem.model_dump_json(exclude_none=True) if problem else None
    return ItemRecord(index, item.filename, item.upload_key, status, stored)
