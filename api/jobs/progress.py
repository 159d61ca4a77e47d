"""How far jobs are, told as it changes.

One loop of this process reads all jobs that clients follow, four times a second in one round trip,
and sleeps while there are none: it costs the workers nothing, and less than a message per item.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from anyio import Event, move_on_after

from api.redis_timeout import broker_within
from shared import log
from shared.errors import BrokerUnavailable
from shared.messages import ItemState
from shared.records.jobs import JobRecord, JobStore, job_not_found

_log = log.get(__name__)

LOOK_EVERY_S = 0.25
ENDED = (ItemState.SUCCEEDED, ItemState.FAILED, ItemState.CANCELLED)
# How soon a follower notices that the server is stopping.
NOTICE_STOP_S = 0.5


@dataclass
class _Followed:
    last: JobRecord | None
    followers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, record: JobRecord | None) -> None:
        if record != self.last:
            self.last = record
            self.changed.set()
            self.changed = asyncio.Event()

    def news_for(self, seen: JobRecord) -> bool:
        """Whether there is something else, and nothing older: each follower comes by its own."""
        return self.last != seen and (self.last is None or _ended(self.last) >= _ended(seen))


class Progress:
    """Tells followers of a job each new state of it."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._followed: dict[str, _Followed] = {}
        self._anybody = asyncio.Event()

    async def now(self, job_id: str) -> JobRecord:
        """The job without its items.

        Raises:
            JobNotFound: No such job, or its record has expired.
            BrokerUnavailable: Redis does not answer.
        """
        async with broker_within():
            record = (await self._jobs.progress([job_id]))[job_id]
        if record is None:
            raise job_not_found()
        return record

    async def run(self) -> None:
        """Look for ever, through every outage of Redis."""
        while True:
            await self._anybody.wait()
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except BrokerUnavailable:
                continue  # api.admission.controller says so in the log
            except Exception:  # noqa: BLE001 - or no client would get progress any more
                _log.exception("cannot follow jobs, trying again")

    async def _look(self) -> None:
        async with broker_within():
            records = await self._jobs.progress(list(self._followed))
        for job_id, record in records.items():
            if followed := self._followed.get(job_id):
                followed.tell(record)

    async def follow(self, first: JobRecord, stopping: Event) -> AsyncIterator[JobRecord | None]:
        """The job as it is now, then each time that it has changed, until it has ended.

        Args:
            first: The job as it is now.
            stopping: Ends it before the job has ended.

        Yields:
            The job without its items; ``None``, and no more, once its record is gone.
        """
        seen: JobRecord | None = first
        yield seen
        followed = self._followed.setdefault(first.job_id, _Followed(first))
        followed.followers += 1
        self._anybody.set()
        try:
            while seen is not None and seen.finished_ms is None and not stopping.is_set():
                if not followed.news_for(seen):
                    with move_on_after(NOTICE_STOP_S):
                        await followed.changed.wait()
                if followed.news_for(seen):
                    yield (seen := followed.last)
        finally:
            followed.followers -= 1
            if not followed.followers:
                del self._followed[first.job_id]
            if not self._followed:
                self._anybody.clear()


def _ended(record: JobRecord) -> int:
    return sum(record.counts[state] for state in ENDED)
