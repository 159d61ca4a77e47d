"""The sweeper and the recovery index against a real Redis and a real folder."""

import os

from shared.messages import ItemRef, ItemResult
from shared.queue.names import QueueName
from shared.records.items import Finish, ItemStore
from tests.integration.worker.conftest import Bench, photo
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper

# What takes seconds to sweep.
MANY = 10_000


def test_only_old_uploads_without_an_unfinished_item_are_deleted(bench: Bench) -> None:
    live = bench.record([photo(0), photo(0), photo(0)])
    items = ItemStore(bench.client, "worker")
    running, ended = ItemRef(live, 1, 1), ItemRef(live, 2, 1)
    assert items.start(running, "a") is not None
    assert items.start(ended, "b") is not None
    assert items.finish(ended, ItemResult(predictions=[])) is Finish.COUNTED
    for key in ("unknown.0", "unknown.1.part", "young.0", "README"):
        bench.uploads.put(key, b"")
    for name in bench.stored():
        if name != "young.0":
            os.utime(bench.uploads.folder / name, (0, 0))
    sweeping = Sweeper(RecoveryIndex(bench.client, "worker"), bench.uploads, spare_s=60)
    assert sweeping.sweep() == 3
    assert bench.stored() == sorted([f"{live}.0", f"{live}.1", "README", "young.0"])


def test_a_sweep_ends_early_when_its_worker_exits(bench: Bench) -> None:
    bench.uploads.put("unknown.0", b"")
    for number in range(1, MANY):
        (bench.uploads.folder / f"unknown.{number}").touch()
    for name in bench.stored():
        os.utime(bench.uploads.folder / name, (0, 0))
    index = RecoveryIndex(bench.client, "worker")
    sweeping = Sweeper(index, bench.uploads, spare_s=60, period_s=0)
    sweeping.start()
    bench.until(lambda: len(bench.stored()) < MANY)
    sweeping.stop()
    assert bench.stored()


def test_one_worker_at_a_time_holds_the_lock(bench: Bench) -> None:
    first, second = RecoveryIndex(bench.client, "first"), RecoveryIndex(bench.client, "second")
    assert first.lock()
    assert first.lock()
    assert not second.lock()
    second.unlock()
    assert not second.lock()
    first.unlock()
    assert second.lock()


def test_messages_of_a_long_queue_are_all_seen(bench: Bench) -> None:
    job_id = bench.submit([b""] * 2_500)
    bench.client.lpush("batch", "not ours")
    found = RecoveryIndex(bench.client, "worker").messages_in(QueueName.BATCH)
    assert found == {ItemRef(job_id, index, 1) for index in range(2_500)}
