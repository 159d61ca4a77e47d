"""When a worker is taken for dead: on a real Redis, by a clock that the test sets."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import redis

from shared.messages import ItemRef, WorkerReport, WorkerState
from shared.records.items import ItemStore
from shared.redis_keys import RECONCILER, job, states
from tests.integration.worker.conftest import Bench, photo
from tests.integration.worker.recovery.conftest import Watch, look_for
from worker.recovery.reconciler import DEAD_MS, GAP_MS, UNSENT_MS, Reconciler
from worker.recovery.redis_index import LOCK_MS, RecoveryIndex

DEAD_S = DEAD_MS // 1000
REPORT = WorkerReport(name="dead", status=WorkerState.BUSY)


@pytest.fixture
def held(bench: Bench) -> str:
    """A job whose only item runs in a worker that has just been heard for the last time."""
    job_id = bench.record([photo(0)])
    dead = ItemStore(bench.client, "dead")
    dead.beat(REPORT)
    assert dead.start(ItemRef(job_id, 0, 1), "run") is not None
    return job_id


def test_a_worker_that_takes_over_the_lock_has_already_observed_the_others(
    bench: Bench, held: str, watcher: Reconciler, watch: Watch
) -> None:
    holder = RecoveryIndex(bench.client, "holder")
    assert holder.lock()
    look_for(watcher, watch, DEAD_S + 2)
    assert bench.attempts(held) == [1], "another holds the lock"
    holder.unlock()
    watcher.tick()
    assert bench.attempts(held) == [2]


def test_an_old_heartbeat_alone_proves_nothing(
    bench: Bench, held: str, watcher: Reconciler, watch: Watch
) -> None:
    watch.later_ms += 10 * DEAD_MS
    look_for(watcher, watch, DEAD_S)
    assert bench.attempts(held) == [1], "it has not watched for long enough"
    watch.later_ms += GAP_MS + 1000
    look_for(watcher, watch, DEAD_S)
    assert bench.attempts(held) == [1], "what it saw before a gap counts no more"
    look_for(watcher, watch, 2)
    assert bench.attempts(held) == [2]


def test_a_worker_that_is_heard_again_keeps_its_items(
    bench: Bench, held: str, watcher: Reconciler, watch: Watch
) -> None:
    look_for(watcher, watch, DEAD_S - 2)
    bench.client.zincrby("ic:beats", watch.later_ms, "dead")
    look_for(watcher, watch, DEAD_S - 2)
    assert bench.attempts(held) == [1]


def test_a_clock_that_was_set_back_makes_no_dead_worker_live(
    bench: Bench, held: str, watcher: Reconciler, watch: Watch
) -> None:
    look_for(watcher, watch, 3)
    watch.later_ms -= 3_600_000
    look_for(watcher, watch, DEAD_S)
    assert bench.attempts(held) == [1], "what it saw before the clock was set counts no more"
    look_for(watcher, watch, 2)
    assert bench.attempts(held) == [2]


def test_a_lock_from_before_the_clock_was_set_back_blocks_no_worker(bench: Bench) -> None:
    bench.client.set(RECONCILER, "dead", px=LOCK_MS)
    redis_index = RecoveryIndex(bench.client, "alive")
    assert not redis_index.lock()
    bench.client.pexpire(RECONCILER, 3_600_000)
    assert redis_index.lock()


def test_items_that_a_worker_starts_while_it_counts_as_dead_are_recovered(
    bench: Bench, watch: Watch, watcher: Reconciler
) -> None:
    job_id = bench.record([photo(0)])
    struck_off = ItemStore(bench.client, "dead")
    struck_off.beat(REPORT)
    watch.forget_worker("dead")
    assert struck_off.start(ItemRef(job_id, 0, 1), "run") is not None  # and dies
    look_for(watcher, watch, 2 * DEAD_S)
    assert bench.attempts(job_id) == [2]


def test_a_job_that_a_full_redis_refuses_to_send_does_not_break_the_watch(
    bench: Bench, held: str, watcher: Reconciler, watch: Watch
) -> None:
    unsent = bench.record([photo(1)])
    bench.client.config_set("maxmemory", "1")
    try:
        for _ in range(2 * DEAD_S):
            with suppress(redis.exceptions.OutOfMemoryError):
                watcher.tick()
            watch.later_ms += 1000
        assert bench.attempts(held) == [2]
        assert bench.client.llen("batch") == 1
    finally:
        bench.client.config_set("maxmemory", "0")
    watcher.tick()
    assert bench.attempts(unsent) == [1]
    assert bench.client.llen("batch") == 2


Break = Callable[[redis.Redis, str], object]


@pytest.mark.parametrize(
    "unreadable",
    [
        lambda client, job_id: client.hset(states(job_id), "0", "no state line"),
        lambda client, job_id: client.hset(states(job_id), "0", "queued|one|0|0||"),
        lambda client, job_id: client.hset(job(job_id), "queue", "none"),
    ],
    ids=["line", "attempt", "queue"],
)
def test_an_item_that_cannot_be_read_does_not_hide_others(
    bench: Bench, watcher: Reconciler, watch: Watch, unreadable: Break
) -> None:
    broken, lost = (bench.submit([photo(0)]) for _ in range(2))
    unreadable(bench.client, broken)
    bench.client.delete("batch")
    look_for(watcher, watch, UNSENT_MS // 1000 + 2)
    assert bench.attempts(lost) == [2]
    watch.live_attempt(broken, 0)  # nor may it end a sweep
