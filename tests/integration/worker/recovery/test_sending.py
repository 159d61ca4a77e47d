"""Batches that are sent slowly, or not to the end: nothing is sent twice, and nothing is lost."""

import asyncio
import uuid
from collections.abc import Mapping

import pytest

from api.admission.cluster_state import ClusterState, WorkerSeen
from api.admission.queue_limits import Admission
from api.jobs.service import SEND_STEP, JobService
from api.redis_client import connect_async
from shared.messages import Chunk, ItemRef, ItemResult, ItemState, WorkerBeat, WorkerState
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from shared.redis_keys import SENDING
from shared.uploads import upload_key
from tests.integration.worker.conftest import Bench, photo
from tests.integration.worker.recovery.conftest import Watch, look_for
from tests.support.played_worker import take, take_message
from worker.recovery.reconciler import UNSENT_MS, Reconciler

PHOTOS = 1_200
# After so many photos the watcher looks again, and its clock is a second later.
PHOTOS_PER_LOOK = 20
UNSENT_S = UNSENT_MS // 1000


class SlowStore(JobStore):
    """A store that takes its time over each step of sending."""

    async def send(self, job_id: str, messages: Mapping[range, str], *, last: bool) -> int:
        await asyncio.sleep(0.2)
        return await super().send(job_id, messages, last=last)


def new_job() -> NewJob:
    job_id = uuid.uuid4().hex
    items = [NewItem(None, upload_key(job_id, index)) for index in range(PHOTOS)]
    return NewJob(job_id=job_id, queue=QueueName.BATCH, top_k=3, items=items)


def work(bench: Bench, watcher: Reconciler, watch: Watch, photos: int) -> int:
    """Finish so many photos while the watcher looks; returns how many messages were stale."""
    items = ItemStore(bench.client, "alive")
    report = WorkerBeat(name="alive", status=WorkerState.BUSY)
    finished = stale = 0
    while finished < photos:
        refs = take_message(bench.client, "batch", timeout_s=5)
        assert refs, "no message came"
        started = items.start_all(refs, "run")
        stale += not started
        if not started:
            continue
        items.finish_all([(item.ref, ItemResult()) for item in started])
        looks = (finished + len(started)) // PHOTOS_PER_LOOK - finished // PHOTOS_PER_LOOK
        finished += len(started)
        for _ in range(looks):
            items.beat(report)
            watcher.tick()
            watch.later_ms += 1000
    return stale


def messages(bench: Bench, job_id: str, indices: range) -> dict[range, str]:
    return {range(index, index + 1): bench.message(job_id, index, 1) for index in indices}


def waiting(bench: Bench) -> list[ItemRef | None]:
    """Takes every message that waits."""
    return [take(bench.client, "batch") for _ in range(bench.client.llen("batch"))]


@pytest.mark.parametrize(("batches", "chunk"), [(2, 1), (3, 1), (2, 16), (3, 7)])
async def test_batches_that_are_sent_at_the_same_time_are_sent_once(
    bench: Bench, watcher: Reconciler, watch: Watch, batches: int, chunk: int
) -> None:
    bench.client.config_set("appendfsync", "everysec")
    redis = connect_async(bench.redis_url, 10, 4)
    store = SlowStore(redis, 60, 20_000)
    admission = Admission(redis, 20_000)
    alive = WorkerBeat(name="alive", status=WorkerState.BUSY, chunk=chunk)
    admission.cluster = ClusterState(workers=[WorkerSeen(alive, alive.status, 0)])
    service = JobService(store, bench.uploads, admission)
    jobs = [new_job() for _ in range(batches)]
    for job in jobs:
        await service.create(job)
        service.send_later(job)
    stale = await asyncio.to_thread(work, bench, watcher, watch, batches * PHOTOS)
    await service.close()
    await redis.aclose()
    assert [set(bench.attempts(job.job_id)) for job in jobs] == [{1}] * batches
    assert stale == 0
    assert bench.client.llen("batch") == 0
    assert not bench.client.exists(SENDING)
    assert watch.reads == 0, "nothing is missing: no queue has to be read"


def test_a_job_whose_api_died_between_two_steps_is_sent(
    bench: Bench, watcher: Reconciler, watch: Watch
) -> None:
    job_id = bench.record([photo(0)] * 450)
    api = ItemStore(bench.client, "api")
    api.send(job_id, messages(bench, job_id, range(SEND_STEP)), last=False)
    look_for(watcher, watch, UNSENT_S)
    assert bench.client.llen("batch") == SEND_STEP, "the api may still be alive"
    look_for(watcher, watch, 2)
    assert not bench.client.exists(SENDING)
    # it was only slow, and goes on
    assert api.send(job_id, messages(bench, job_id, range(SEND_STEP, 450)), last=True) == 0
    assert waiting(bench) == [ItemRef(job_id, index, 1) for index in range(450)]
    assert set(bench.attempts(job_id)) == {1}


def test_a_job_that_its_api_is_still_sending_is_left_to_it(
    bench: Bench, watcher: Reconciler, watch: Watch
) -> None:
    job_id = bench.record([photo(0)] * 5)
    api = ItemStore(bench.client, "api")
    for index in range(4):
        look_for(watcher, watch, UNSENT_S - 2)
        assert bench.client.llen("batch") == index
        assert api.send(job_id, messages(bench, job_id, range(index, index + 1)), last=False) == 1


def test_what_was_cancelled_before_it_was_sent_is_never_sent(
    bench: Bench, watcher: Reconciler, watch: Watch
) -> None:
    job_id = bench.record([photo(0)] * 5)
    api = ItemStore(bench.client, "api")
    api.send(job_id, messages(bench, job_id, range(2)), last=False)
    bench.cancel(job_id)
    assert api.send(job_id, messages(bench, job_id, range(2, 4)), last=False) == 0
    look_for(watcher, watch, UNSENT_S + 2)
    assert bench.client.llen("batch") == 2
    assert not bench.client.exists(SENDING)


def test_a_job_that_redis_has_lost_is_forgotten(
    bench: Bench, watcher: Reconciler, watch: Watch
) -> None:
    bench.client.zadd(SENDING, {"gone": 1})
    look_for(watcher, watch, UNSENT_S + 2)
    assert not bench.client.exists(SENDING)


def test_a_message_that_a_living_worker_holds_is_not_missing(
    bench: Bench, watcher: Reconciler, watch: Watch
) -> None:
    """It waits there for an isolated photo, say, while other workers start later ones."""
    job_id = bench.submit([photo(0)] * 2)
    held, later = take(bench.client, "batch"), take(bench.client, "batch")
    assert held
    assert later
    items = ItemStore(bench.client, "alive")
    assert items.start(later, "run")
    unstarted = [f"{held.job_id}.{held.index}.{held.attempt}"]
    report = WorkerBeat(name="alive", status=WorkerState.BUSY, unstarted=unstarted)
    for _ in range(UNSENT_S + 2):
        items.beat(report)
        look_for(watcher, watch, 1)
    assert bench.attempts(job_id) == [1, 1]
    assert watch.reads == 0
    items.beat(WorkerBeat(name="alive", status=WorkerState.BUSY))
    watcher.tick()
    assert bench.attempts(job_id) == [2, 1]
    assert bench.counts(job_id)[ItemState.QUEUED] == 1


def test_a_message_with_photos_that_were_sent_before_sends_the_others(bench: Bench) -> None:
    """The API and a reconciler that sends in its place need not cut a job into the same chunks."""
    job_id = bench.record([photo(0)] * 6)
    api = ItemStore(bench.client, "api")
    assert api.send(job_id, messages(bench, job_id, range(2)), last=False) == 2
    first = bench.client.zscore("ic:queued:batch", f"{job_id}:0")
    chunk = Chunk(job_id, 0, 4)
    message = bench.messages.draft(QueueName.BATCH, chunk)
    assert api.send(job_id, {chunk.indices: message}, last=False) == 2
    assert api.send(job_id, {chunk.indices: message}, last=True) == 0
    assert bench.client.llen("batch") == 3
    assert bench.client.zscore("ic:queued:batch", f"{job_id}:0") == first
    assert bench.client.zscore("ic:queued:batch", f"{job_id}:3") > first
    items = ItemStore(bench.client, "alive")
    assert [item.ref.index for item in items.start_all(chunk.refs, "run")] == [0, 1, 2, 3]
    assert items.start(ItemRef(job_id, 0, 1), "another") is None


def test_a_chunk_that_waits_is_not_missing(bench: Bench, watcher: Reconciler, watch: Watch) -> None:
    """Its message stands for all of its photos, even where later ones were started."""
    job_id = bench.submit_in_chunks([photo(0)] * 12, 4)
    items = ItemStore(bench.client, "alive")
    overtaken = bench.client.rpop("batch")
    assert items.start_all(take_message(bench.client, "batch"), "run")
    bench.client.lpush("batch", overtaken)
    for _ in range(UNSENT_S + 2):
        items.beat(WorkerBeat(name="alive", status=WorkerState.BUSY))
        look_for(watcher, watch, 1)
    assert set(bench.attempts(job_id)) == {1}
    assert bench.client.rpop("batch")
    assert bench.client.rpop("batch")
    items.beat(WorkerBeat(name="alive", status=WorkerState.BUSY))
    watcher.tick()
    assert bench.attempts(job_id) == [2] * 4 + [1] * 8
    assert waiting(bench) == [ItemRef(job_id, index, 2) for index in range(4)]
