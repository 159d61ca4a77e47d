"""The order in which the messages of several owners come; cancelled ones hold nothing up."""

import asyncio
import json
import uuid
from math import inf

import pytest

from api.redis_client import connect_async
from shared import redis_keys
from shared.messages import Chunk, ItemRef, ItemResult, WorkerBeat, WorkerState
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from tests.integration.worker.conftest import Bench
from tests.support.played_worker import take_message

BATCH = QueueName.BATCH


class Owners:
    """Submits jobs of owners, and takes messages as a worker does."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.owner_of: dict[str, str] = {}
        self.items = ItemStore(bench.client, "worker")
        self.beat()

    def beat(self) -> None:
        """Write the worker's heartbeat."""
        self.items.beat(WorkerBeat(name="worker", status=WorkerState.BUSY, turns=True))

    def submit(self, owner: str, messages: int, size: int = 2) -> str:
        """A job of so many messages of so many photos."""
        job_id = uuid.uuid4().hex
        self.owner_of[job_id] = owner
        items = [NewItem(None, f"{job_id}.{at}") for at in range(messages * size)]

        async def create() -> None:
            async with connect_async(self.bench.redis_url, 5, 1) as client:
                job = NewJob(job_id, BATCH, 1, items, owner=owner)
                await JobStore(client, 3600, 100_000).create(job, owned=50_000)

        asyncio.run(create())
        texts = {}
        for at in range(messages):
            chunk = Chunk(job_id, at * size, size)
            texts[chunk.indices] = self.bench.messages.draft(BATCH, chunk)
        self.items.send(job_id, texts, last=True)
        return job_id

    def take(self, most: int = 10_000) -> list[ItemRef]:
        """Take messages until there are none; the first item of each that could be started."""
        taken: list[ItemRef] = []
        while len(taken) < most and (refs := take_message(self.bench.client, BATCH)):
            started = self.items.start_all(refs, uuid.uuid4().hex)
            if started:
                taken.append(refs[0])
                self.items.finish_all([(item.ref, ItemResult()) for item in started])
        return taken

    def order(self, most: int = 10_000) -> str:
        """The initial of the owner of each message that is taken."""
        return "".join(self.owner_of[ref.job_id][0] for ref in self.take(most))


@pytest.fixture
def owners(bench: Bench) -> Owners:
    return Owners(bench)


def test_few_messages_are_in_the_queue_however_many_wait(owners: Owners, bench: Bench) -> None:
    owners.submit("alice", 300)
    assert bench.client.llen(BATCH) == 2
    assert bench.client.zcard(redis_keys.queued(BATCH)) == 600
    assert owners.order() == "a" * 300
    assert not list(bench.client.scan_iter("ic:turn:*"))


def test_owners_alternate_once_the_newcomer_has_had_its_first_turns(owners: Owners) -> None:
    owners.submit("alice", 100)
    assert owners.order(20) == "a" * 20
    owners.submit("bob", 20)
    owners.submit("carol", 10)
    order = owners.order()
    # two of alice's were in the queue; eight first turns of each newcomer, the later one's first
    assert order[:18] == "aa" + "c" * 8 + "b" * 8
    assert sorted(order[18:24]) == sorted("abcabc")
    assert order[-60:] == "a" * 60
    assert sorted(order) == sorted("a" * 80 + "b" * 20 + "c" * 10)


def test_who_comes_again_at_once_has_no_first_turns(owners: Owners) -> None:
    """Or a stream of small batches would go before all other photos."""
    owners.submit("alice", 100)
    owners.submit("bob", 4)
    assert owners.order(6).count("b") == 4
    order = ""
    for _ in range(5):
        owners.submit("bob", 4)
        order += owners.order(6)
    assert order.count("a") >= 14
    assert order.count("b") >= 12


def test_a_cancelled_job_stops_nobody(owners: Owners, bench: Bench) -> None:
    cancelled = owners.submit("alice", 500)
    later = owners.submit("alice", 3)
    owners.submit("bob", 3)
    bench.cancel(cancelled)
    taken = owners.take()
    assert len(taken) == 6
    assert sum(ref.job_id == later for ref in taken) == 3
    assert not bench.client.hgetall(redis_keys.owned(BATCH))
    assert not list(bench.client.scan_iter("ic:turn:*"))


def test_messages_that_nobody_starts_are_followed_by_others(owners: Owners, bench: Bench) -> None:
    owners.submit("alice", 10)
    lost = [take_message(bench.client, BATCH) for _ in range(2)]
    assert not bench.client.llen(BATCH)
    owners.beat()
    assert len(owners.take()) == 8
    waiting = bench.client.zrange(redis_keys.queued(BATCH), 0, -1)
    assert len(waiting) == sum(map(len, lost)), "only what the reconciler will send again"


def test_numbers_have_the_order_of_the_messages(owners: Owners, bench: Bench) -> None:
    """What the reconciler relies on."""
    owners.submit("alice", 40)
    owners.submit("bob", 40)
    numbers: list[float] = []
    for _ in range(80):
        text = bench.client.lindex(BATCH, -1)
        assert text is not None
        job_id, index, *_ = json.loads(text)["headers"]["id"].split(".")
        number = bench.client.zscore(redis_keys.queued(BATCH), f"{job_id}:{index}")
        assert number is not None
        numbers.append(number)
        assert len(owners.take(1)) == 1
    assert sorted(set(numbers)) == numbers
    assert numbers[-1] < inf
