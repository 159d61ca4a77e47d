"""JobStore: the API's access to the job record.

The record holds the state of a job; Celery only delivers messages. Creating and reading a job are
one atomic call each; sending and cancelling are done in steps. Asynchronous, because the API's
event loop calls it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio

from shared import redis_keys
from shared.errors import IdempotencyConflict, JobNotFound, OwnerQueueFull, QueueFull
from shared.messages import ItemResult, ItemState, JobState
from shared.queue.names import QueueName
from shared.records.lua import load, send_args
from shared.records.new_job import NewItem, NewJob


def job_not_found() -> JobNotFound:
    """The error for a job id without a record."""
    return JobNotFound("No such job, or its record has expired. Submit the photos again.")


@dataclass(frozen=True)
class ItemRecord:
    """The state of one photo of a job, and its result's JSON once it is finished."""

    index: int
    filename: str | None
    upload_key: str | None
    status: ItemState
    stored: str | None = field(default=None, repr=False)

    @property
    def result(self) -> ItemResult | None:
        """The result, validated at each call."""
        return ItemResult.model_validate_json(self.stored) if self.stored else None


@dataclass(frozen=True)
class JobRecord:
    """The state of a job, with one page of its items in input order; times in ms since 1970."""

    job_id: str
    queue: QueueName
    status: JobState
    top_k: int
    created_ms: int
    finished_ms: int | None
    expires_ms: int | None
    total: int
    counts: dict[ItemState, int]
    items: list[ItemRecord] = field(repr=False)


class JobStore:
    """Creates, reads and cancels jobs.

    Args:
        client: An asyncio client with ``decode_responses=True``.
        ttl_s: Seconds for which the record of a finished job is kept.
        max_queued: Maximum number of items in one queue.

    Raises:
        redis.exceptions.RedisError: From every method, if Redis does not respond.
    """

    def __init__(self, client: redis.asyncio.Redis, ttl_s: int, max_queued: int) -> None:
        self._client = client
        self._ttl_s = ttl_s
        self._max_queued = max_queued
        self._create = client.register_script(load("create"))
        self._send = client.register_script(load("send"))
        self._cancel = client.register_script(load("cancel"))

    async def create(
        self, job: NewJob, room: int | None = None, message: str = "", owned: int | None = None
    ) -> str:
        """Write the record and the index, if the queue has room; repeating the call is harmless.

        Returns the job's id, or the id of the earlier job with the same idempotency key.

        Args:
            job: The new job.
            room: How many items may wait before these and with them; ``None`` for no such limit.
            message: It is queued in the same step; without a message, the items wait for `send`.
            owned: How many items of the job's owner may wait in the queue; ``None`` if its jobs
                take no turns with those of other owners.

        Raises:
            QueueFull: The queue is full.
            OwnerQueueFull: Too many items of the owner wait.
            IdempotencyConflict: The earlier job with this key has other contents.
        """
        idempotency = job.idempotency
        args: list[str | int] = [
            job.job_id,
            job.queue.value,
            job.top_k,
            job.reply_to,
            self._ttl_s,
            self._max_queued,
            idempotency.key if idempotency else "",
            idempotency.fingerprint if idempotency else "",
            job.owner,
            message,
            job.request_id,
            "" if owned is None or not job.owner else owned,
            "" if room is None else room,
        ]
        for item in job.items:
            error = ItemResult(error=item.problem) if item.problem else None
            args += [_dump(item), error.model_dump_json(exclude_none=True) if error else ""]
        answer = await self._create(args=args)
        if answer == "owner_full":
            raise OwnerQueueFull("Too many of your photos are queued. Try again later.")
        if answer == "full":
            raise QueueFull(f"The {job.queue} queue is full. Try again later.")
        if answer == "conflict":
            raise IdempotencyConflict(
                "This Idempotency-Key was used for other photos, names or parameters. Use another."
            )
        return str(answer[0]) if isinstance(answer, list) else job.job_id

    async def send(self, job_id: str, messages: Mapping[range, str], *, last: bool) -> int:
        """Send messages; see `shared.records.items.ItemStore.send`."""
        return int(await self._send(args=send_args(job_id, messages, last=last)))

    async def has_key(self, idempotency_key: str) -> bool:
        """Whether a job with this idempotency key still has a record."""
        job_id = await self._client.hget(redis_keys.idempotency(idempotency_key), "job_id")
        return job_id is not None and bool(await self._client.exists(redis_keys.job(str(job_id))))

    async def owner_of(self, job_id: str) -> str | None:
        """The job's owner; ``None`` if the job has no owner or does not exist."""
        owner = await self._client.hget(redis_keys.job(job_id), "owner")
        return None if owner is None else str(owner)

    async def read(self, job_id: str, offset: int = 0, limit: int = 1) -> JobRecord:
        """The job and its items ``offset`` to ``offset + limit``, read atomically.

        Raises:
            JobNotFound: No such job, or its record has expired.
        """
        indices = [str(index) for index in range(offset, offset + limit)]
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(redis_keys.job(job_id))
            pipe.lrange(redis_keys.items(job_id), offset, offset + limit - 1)
            pipe.hmget(redis_keys.states(job_id), indices)
            pipe.hmget(redis_keys.results(job_id), indices)
            job, items, states, results = await pipe.execute()
        if not job:
            raise job_not_found()
        page = zip(items, states, results, strict=False)
        return _job_record(
            job_id, job, [_item_record(offset + at, *row) for at, row in enumerate(page)]
        )

    async def progress(self, job_ids: list[str]) -> dict[str, JobRecord | None]:
        """Each job without its items, in one round trip; ``None`` for an unknown job."""
        async with self._client.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(redis_keys.job(job_id))
            jobs = await pipe.execute()
        return {
            job_id: _job_record(job_id, job, []) if job else None
            for job_id, job in zip(job_ids, jobs, strict=True)
        }

    async def cancel(self, job_id: str, first: int, count: int) -> tuple[int, list[int]]:
        """Cancel the queued items among ``count`` items of a job, from index ``first`` on.

        Returns the job's number of items, and the indices of the cancelled items among the
        ``count``, including those of an earlier call, so that their uploads can be deleted.

        Raises:
            JobNotFound: No such job, or its record has expired.
        """
        answer = await self._cancel(args=[job_id, first, count])
        if answer is None:
            raise job_not_found()
        total, cancelled = answer
        return int(total), [int(index) for index in cancelled]


def _dump(item: NewItem) -> str:
    kept = {"filename": item.filename, "upload": item.upload_key}
    options = {"explain": item.explain, "min_confidence": item.min_confidence}
    return json.dumps(kept | {name: value for name, value in options.items() if value})


def _item_record(index: int, item: str, state: str, result: str | None) -> ItemRecord:
    meta = json.loads(item)
    status = ItemState(state.partition("|")[0])
    return ItemRecord(index, meta["filename"], meta["upload"], status, result)


def _job_record(job_id: str, job: dict[str, Any], items: list[ItemRecord]) -> JobRecord:
    counts = {state: int(job[state.value]) for state in ItemState}
    finished = int(job["finished_ms"]) if "finished_ms" in job else None
    total = int(job["total"])
    if "cancel_requested" in job:
        status = JobState.CANCELLED
    elif finished is not None:
        status = JobState.COMPLETED
    else:
        status = JobState.QUEUED if counts[ItemState.QUEUED] == total else JobState.RUNNING
    return JobRecord(
        job_id=job_id,
        queue=QueueName(job["queue"]),
        status=status,
        top_k=int(job["top_k"]),
        created_ms=int(job["created_ms"]),
        finished_ms=finished,
        expires_ms=finished + int(job["ttl_s"]) * 1000 if finished is not None else None,
        total=total,
        counts=counts,
        items=items,
    )
