"""BatchList: which batches there are, newest first."""

from dataclasses import dataclass

import redis.asyncio

from shared import redis_keys
from shared.messages import JobState
from shared.records.jobs import JobRecord, JobStore

# How many batches are read in one step, and for one page, if most have another state.
STEP = 100
READ_MAX = 1_000


@dataclass(frozen=True)
class BatchPage:
    """Some batches without their items; ``before`` begins the next page, if there is one."""

    jobs: list[JobRecord]
    before: int | None


class BatchList:
    """Lists batches: jobs of `POST /jobs`, whose client comes back for the results.

    Jobs that a request waits for are not listed. The list has an entry until the job's record
    expires; see ``forget_expired`` in ``common.lua``.

    Args:
        client: An asyncio client with ``decode_responses=True``.
        jobs: Reads their records.
    """

    def __init__(self, client: redis.asyncio.Redis, jobs: JobStore) -> None:
        self._client = client
        self._jobs = jobs

    async def page(
        self, owner: str, status: JobState | None, before: int | None, limit: int
    ) -> BatchPage:
        """At most ``limit`` batches, newest first.

        At most ``READ_MAX`` records are read, so a page of one state may have fewer batches, or
        none, although there are more in the next page.

        Args:
            owner: Whose batches; empty for those of all owners.
            status: Only batches in this state; ``None`` for all.
            before: Only batches before the page that returned this number.
            limit: The size of the page.

        Raises:
            redis.exceptions.RedisError: Redis does not respond.
        """
        found: list[JobRecord] = []
        last: int | None = None
        step = limit + 1 if status is None else max(limit + 1, STEP)
        for _ in range(0, READ_MAX, step):
            numbered = await self._ids(owner, before, step)
            records = await self._jobs.progress(list(numbered))
            await self._forget(owner, [job_id for job_id, one in records.items() if one is None])
            for job_id, number in numbered.items():
                record = records[job_id]
                if record is None or status not in {None, record.status}:
                    continue
                if len(found) == limit:  # one more than fits: there is a next page
                    return BatchPage(found, last)
                found.append(record)
                last = number
            if len(numbered) < step:
                return BatchPage(found, None)
            before = number
        return BatchPage(found, before)

    async def _ids(self, owner: str, before: int | None, count: int) -> dict[str, int]:
        """The next ids, each with its number."""
        rows = await self._client.zrange(
            redis_keys.jobs(owner),
            "+inf" if before is None else f"({before}",
            "-inf",
            desc=True,
            byscore=True,
            offset=0,
            num=count,
            withscores=True,
        )
        return {str(row[0]): int(row[1]) for row in rows}

    async def _forget(self, owner: str, expired: list[str]) -> None:
        """Remove entries that are not removed yet because no worker runs."""
        if expired:
            await self._client.zrem(redis_keys.jobs(owner), *expired)
