"""JobService: a job's photos in the upload store, its record and its messages in Redis.

Every step has a time limit. Steps that could block do not run on the event loop.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from redis.exceptions import ResponseError

from api.admission.queue_limits import Admission
from api.jobs.photo_store import PhotoStore
from api.redis_client import BROKER_S, broker_within
from shared import log
from shared.errors import BrokerUnavailable, IdempotencyConflict, OwnerQueueFull, QueueFull
from shared.messages import Chunk, ItemRef
from shared.queue.message_template import MessageTemplate
from shared.records.jobs import JobRecord, JobStore, job_not_found
from shared.records.new_job import NewJob
from shared.uploads import Piece, UploadStore, upload_key

_log = log.get(__name__)

# Items per second that Redis records at the very least; 10,000 items took 0.2 s on two busy cores.
CREATED_PER_S = 2_000
# Photos of a batch whose messages are sent in one step; Redis needs less than 2 ms for them.
SEND_STEP = 200
# Items that are cancelled in one step; Redis needs about 5 ms for them.
CANCEL_STEP = 1_000


class JobService:
    """Accepts, reads and cancels jobs.

    Args:
        jobs: The record of every job.
        uploads: The store in which photos wait.
        admission: Computes when a rejected client should retry.

    Raises:
        BrokerUnavailable: From every method but ``send_later`` and ``discard``, when Redis or the
            upload store does not respond in time.
    """

    def __init__(self, jobs: JobStore, uploads: UploadStore, admission: Admission) -> None:
        self._jobs = jobs
        self._admission = admission
        self._messages = MessageTemplate()
        self._drafting = CapacityLimiter(1)
        self._photos = PhotoStore(uploads)
        self._beside: set[asyncio.Task[None]] = set()

    async def store(self, photos: Mapping[str, Iterable[Piece]]) -> None:
        """Store photos until a worker has read them; see `PhotoStore.store`."""
        await self._photos.store(photos)

    async def discard(self, keys: Iterable[str]) -> None:
        """Delete uploads that no job will read; see `PhotoStore.discard`."""
        await self._photos.discard(keys)

    async def submit(self, job: NewJob, room: int | None = None) -> str:
        """Create a job and send its messages: that of one photo in the same step; see `create`."""
        if len(job.items) == 1:
            message = self._messages.draft(job.queue, ItemRef(job.job_id, 0, 1))
            return await self.create(job, room, message)
        job_id = await self.create(job, room)
        self.send_later(job)
        return job_id

    async def create(self, job: NewJob, room: int | None = None, message: str = "") -> str:
        """Write the job's record. If the record was certainly not written, delete the uploads.

        Returns the job's id, or the id of the earlier job that this request repeats.

        Raises:
            QueueFull, OwnerQueueFull: The queue is full, or the owner's share of it; contains the
                time until there is room.
            IdempotencyConflict: The idempotency key belongs to a job with other contents.
        """
        keys = [item.upload_key for item in job.items if item.upload_key]
        try:
            async with broker_within(BROKER_S + len(keys) / CREATED_PER_S):
                owned = self._admission.max_owned(job.owner)
                job_id = await self._jobs.create(job, room, message, owned)
        except QueueFull as error:
            await self.discard(keys)
            raise self._admission.queue_full(job.queue, len(keys), room) from error
        except OwnerQueueFull as error:
            await self.discard(keys)
            raise self._admission.owner_queue_full(job.queue, job.owner, len(keys)) from error
        except IdempotencyConflict:
            await self.discard(keys)
            raise
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, ResponseError):  # Redis responded with an error
                await self.discard(keys)
            raise
        if job_id != job.job_id:
            await self.discard(keys)
        return job_id

    def send_later(self, job: NewJob) -> None:
        """Send a batch's messages in the background; the response does not wait for them."""
        self._do_beside(self._send_batch(job))

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _send_batch(self, job: NewJob) -> None:
        size = self._admission.cluster.chunk
        step = SEND_STEP // size * size
        for start in range(0, len(job.items), step):
            end = min(start + step, len(job.items))
            messages = await to_thread.run_sync(
                self._draft, job, range(start, end), size, limiter=self._drafting
            )
            try:
                async with broker_within():
                    await self._jobs.send(job.job_id, messages, last=end == len(job.items))
            except BrokerUnavailable as error:
                reason = repr(error.__cause__)
                _log.warning("left to the reconciler", job=job.job_id, reason=reason)
                return

    def _draft(self, job: NewJob, indices: range, size: int) -> dict[range, str]:
        """The messages of these items by the indices of their items, in order."""
        messages = {}
        for first in indices[::size]:
            of = range(first, min(first + size, indices.stop))
            valid = [index for index in of if job.items[index].upload_key]
            if len(valid) == 1:
                of = range(valid[0], valid[0] + 1)
                messages[of] = self._messages.draft(job.queue, ItemRef(job.job_id, valid[0], 1))
            elif valid:
                chunk = Chunk(job.job_id, first, len(of))
                messages[of] = self._messages.draft(job.queue, chunk)
        return messages

    async def has_key(self, own_key: str) -> bool:
        """Whether a job with this idempotency key exists."""
        async with broker_within():
            return await self._jobs.has_key(own_key)

    async def check_owner(self, job_id: str, owner: str) -> None:
        """Check that the job belongs to this owner.

        Raises:
            JobNotFound: The job belongs to another owner or does not exist; the client cannot
                tell which.
        """
        async with broker_within():
            if await self._jobs.owner_of(job_id) != owner:
                raise job_not_found()

    async def read(self, job_id: str, offset: int = 0, limit: int = 1) -> JobRecord:
        """One page of a job.

        Raises:
            JobNotFound: No such job, or its record has expired.
        """
        async with broker_within():
            return await self._jobs.read(job_id, offset, limit)

    async def cancel(self, job_id: str) -> None:
        """Cancel the job's queued items, in steps, and delete their uploads; may be repeated.

        Raises:
            BrokerUnavailable: Some items may not be cancelled yet: call this method again.
            JobNotFound: No such job, or its record has expired.
        """
        first, total = 0, 1
        keys: list[str] = []
        try:
            while first < total:
                async with broker_within():
                    total, cancelled = await self._jobs.cancel(job_id, first, CANCEL_STEP)
                keys += [upload_key(job_id, index) for index in cancelled]
                first += CANCEL_STEP
        finally:
            if keys:
                await self.discard(keys)

    async def close(self) -> None:
        """Stop sending messages; the reconciler sends the rest."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._photos.close()
