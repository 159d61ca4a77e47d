"""Reports the progress of jobs to the clients that follow them.

One loop per process reads all followed jobs four times a second, in one round trip, and sleeps
while no job is followed. This costs the workers nothing, and less than one message per item.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from anyio import Event, move_on_after

from api.redis_client import broker_within
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
        """Whether ``last`` differs from ``seen`` and is not older than it."""
        return self.last != seen and (self.last is None or _ended(self.last) >= _ended(seen))


class Progress:
    """Sends each new state of a job to the job's followers."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._followed: dict[str, _Followed] = {}
        self._anybody = asyncio.Event()

    async def now(self, job_id: str) -> JobRecord:
        """The job without its items.

        Raises:
            JobNotFound: No such job, or its record has expired.
            BrokerUnavailable: Redis does not respond.
        """
        async with broker_within():
            record = (await self._jobs.progress([job_id]))[job_id]
        if record is None:
            raise job_not_found()
        return record

    async def run(self) -> None:
        """Read the followed jobs until cancelled, through every outage of Redis."""
        while True:
            await self._anybody.wait()
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except BrokerUnavailable:
                continue  # api.admission.queue_limits logs the outage
            except Exception:  # noqa: BLE001 - if this loop ended, no client would get progress
                _log.exception("cannot follow jobs, trying again")

    async def look(self) -> None:
        """Read the followed jobs once, and tell their followers what is new."""
        async with broker_within():
            records = await self._jobs.progress(list(self._followed))
        for job_id, record in records.items():
            if followed := self._followed.get(job_id):
                followed.tell(record)

    async def follow(self, first: JobRecord, stopping: Event) -> AsyncIterator[JobRecord | None]:
        """The current job, then the job after each change, until the job is finished.

        Args:
            first: The current job.
            stopping: Once set, ends the iteration early.

        Yields:
            The job without its items; ``None`` as the last value if its record no longer exists.
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
