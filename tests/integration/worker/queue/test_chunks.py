"""Several photos in one message: each still has its own result, its own tries and its own end."""

import pytest

from shared import redis_keys
from shared.messages import CHUNK_MAX, ItemRef, ItemResult, ItemState, JobState
from shared.queue.names import QueueName
from shared.records.items import DEATHS_ALONE, Finish, ItemStore
from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.scripted_colors import FAILS, HANGS, KILLS

ONE_BY_ONE = {"MAX_BATCH_SIZE": "1", "WORKER_THREADS": "2"}
MIDDLE = 5


def with_one(red: int) -> tuple[list[bytes], list[str]]:
    """Photos of three chunks with a bad one in the middle of the first, and how they should end."""
    photos = [photo(0, green) for green in range(3 * CHUNK_MAX)]
    photos[MIDDLE] = photo(red)
    return photos, [str(green) for green in range(3 * CHUNK_MAX)]


def deaths(bench: Bench, job_id: str) -> dict[int, int]:
    """How often a worker died with an item in isolation, of the items with which one did."""
    lines = bench.client.hgetall(f"ic:job:{job_id}:states").items()
    counts = {int(index): int(line.split("|")[2]) for index, line in lines}
    return {index: count for index, count in counts.items() if count}


def test_a_batch_in_chunks_ends_in_order_and_its_uploads_are_gone(bench: Bench) -> None:
    with bench.worker():
        job = bench.wait(bench.submit_in_chunks([photo(0, green) for green in range(100)]))
        bench.until(lambda: bench.stored() == [])
    assert job.status is JobState.COMPLETED
    assert ends(job) == [str(green) for green in range(100)]
    assert set(bench.attempts(job.job_id)) == {1}
    assert bench.client.keys("ic:held:*") == []
    assert bench.client.hget("ic:ended", "batch|succeeded") == "100"


def test_a_chunk_that_comes_twice_gives_one_result_each(bench: Bench) -> None:
    job_id = bench.submit_in_chunks([photo(0, green) for green in range(CHUNK_MAX)])
    bench.client.lpush("batch", *bench.client.lrange("batch", 0, -1) * 4)
    with bench.worker():
        job = bench.wait(job_id)
        bench.until(lambda: bench.client.llen("batch") == 0)
    assert ends(job) == [str(green) for green in range(CHUNK_MAX)]
    assert bench.client.hget("ic:ended", "batch|succeeded") == str(CHUNK_MAX)


def test_a_photo_that_kills_its_process_fails_alone_in_a_chunk(bench: Bench) -> None:
    photos, expected = with_one(KILLS)
    expected[MIDDLE] = "worker_lost"
    with bench.worker(restart=True, WORKER_THREADS="2") as worker:
        job = bench.wait(bench.submit_in_chunks(photos), 120)
        assert worker.starts == 4  # once beside others, twice in isolation
    assert ends(job) == expected
    assert deaths(bench, job.job_id) == {MIDDLE: DEATHS_ALONE}


def test_a_photo_that_hangs_ends_alone_in_a_chunk(bench: Bench) -> None:
    photos, expected = with_one(HANGS)
    expected[MIDDLE] = "item_timeout"
    with bench.worker(restart=True, ITEM_TIMEOUT_S="2", WORKER_THREADS="2"):
        job = bench.wait(bench.submit_in_chunks(photos), 120)
    assert ends(job) == expected
    assert deaths(bench, job.job_id) == {}, "the watchdog ends it at the second hang"


def test_photos_that_fail_in_a_chunk_cost_the_others_nothing(bench: Bench) -> None:
    photos, expected = with_one(FAILS)
    photos[MIDDLE + 1] = b"no photo"
    expected[MIDDLE : MIDDLE + 2] = ["inference_failed", "unsupported_media_type"]
    with bench.worker() as worker:
        job = bench.wait(bench.submit_in_chunks(photos))
        assert worker.starts == 1
    assert ends(job) == expected
    assert set(bench.attempts(job.job_id)) == {1}


def test_a_killed_worker_loses_no_photo_of_its_chunks(bench: Bench) -> None:
    slow = {**ONE_BY_ONE, "SCRIPTED_SERVICE_TIME_S": "0.05"}
    with bench.worker(restart=True, **slow) as worker:
        job_id = bench.submit_in_chunks([photo(0, green) for green in range(100)], 8)
        bench.until(lambda: bench.counts(job_id)[ItemState.SUCCEEDED] >= 8)
        worker.kill()
        job = bench.wait(job_id)
    assert ends(job) == [str(green) for green in range(100)]
    assert max(bench.attempts(job_id)) == 2
    assert bench.client.hget("ic:ended", "batch|succeeded") == "100"


def test_what_is_cancelled_in_the_middle_of_a_job_ends_once(bench: Bench) -> None:
    slow = {**ONE_BY_ONE, "SCRIPTED_SERVICE_TIME_S": "0.1"}
    with bench.worker(**slow):
        job_id = bench.submit_in_chunks([photo(0, green) for green in range(80)], 8)
        bench.until(lambda: bench.client.keys("ic:held:*"))
        cancelled = bench.cancel(job_id)
        job = bench.wait(job_id)
        bench.until(lambda: bench.client.llen("batch") == 0)
    assert job.status is JobState.CANCELLED
    assert 0 < len(cancelled) < 80
    assert job.counts[ItemState.CANCELLED] == len(cancelled)
    assert job.counts[ItemState.SUCCEEDED] == 80 - len(cancelled)
    for index, end in enumerate(ends(job)):
        assert end == ("cancelled" if index in cancelled else str(index))


def test_photos_of_a_chunk_that_were_cancelled_before_its_start_are_not_started(
    bench: Bench,
) -> None:
    job_id = bench.submit_in_chunks([photo(KILLS)] * 6)
    store = ItemStore(bench.client, "worker")
    assert store.start(ItemRef(job_id, 1, 1), "run")
    bench.cancel(job_id)
    refs = [ItemRef(job_id, index, 1) for index in range(6)]
    assert [item.ref.index for item in store.start_all(refs, "run")] == [1]
    assert store.start_all(refs, "another") == []
    assert bench.counts(job_id)[ItemState.RUNNING] == 1


def test_results_of_a_chunk_are_judged_one_by_one(bench: Bench) -> None:
    job_id = bench.submit_in_chunks([photo(0)] * 3)
    first, second = (ItemStore(bench.client, name) for name in ("first", "second"))
    refs = [ItemRef(job_id, index, 1) for index in range(3)]
    assert len(first.start_all(refs, "run")) == 3
    assert len(first.start_all(refs, "run")) == 3, "its answer was lost"
    assert bench.counts(job_id)[ItemState.RUNNING] == 3
    assert first.finish(refs[0], ItemResult(predictions=[])) is Finish.COUNTED
    assert second.requeue_lost(refs[1], "first", bench.message(job_id, 1, 2))
    results = [(ref, ItemResult(predictions=[])) for ref in refs]
    assert first.finish_all(results) == [Finish.ENDED, Finish.STALE, Finish.COUNTED]
    job = bench.read(job_id)
    assert job.counts[ItemState.SUCCEEDED] == 2
    assert job.counts[ItemState.QUEUED] == 1
    assert bench.client.scard("ic:held:first") == 0


def test_a_waiting_request_overtakes_within_a_chunk(bench: Bench) -> None:
    """Both threads of the batch queue hold a chunk, and another chunk waits for each."""
    slow = {**ONE_BY_ONE, "SCRIPTED_SERVICE_TIME_S": "0.5"}
    with bench.worker(**slow):
        batch = bench.submit_in_chunks([photo(0, 1)] * 4 * CHUNK_MAX)
        bench.until(lambda: bench.counts(batch)[ItemState.RUNNING] == 2 * CHUNK_MAX)
        bench.wait(bench.submit([photo(0, 2)], QueueName.INTERACTIVE))
        assert bench.counts(batch)[ItemState.SUCCEEDED] < CHUNK_MAX
        assert bench.client.llen("batch") == 2


def test_the_photos_of_a_slow_chunk_are_recorded_one_after_another(bench: Bench) -> None:
    slow = {**ONE_BY_ONE, "SCRIPTED_SERVICE_TIME_S": "0.3"}
    bench.client.config_set("notify-keyspace-events", "Kh")
    with bench.worker(**slow), bench.client.pubsub() as writes:
        writes.psubscribe(f"__keyspace@0__:{redis_keys.results('*')}")
        bench.wait(bench.submit_in_chunks([photo(0, 1)] * CHUNK_MAX))
        told = list(iter(lambda: writes.get_message(timeout=1), None))
    assert [write["type"] for write in told].count("pmessage") > CHUNK_MAX // 2


@pytest.mark.parametrize("size", [1, CHUNK_MAX])
def test_a_worker_that_is_told_to_stop_puts_back_what_it_has_not_begun(
    bench: Bench, size: int
) -> None:
    slow = {**ONE_BY_ONE, "SCRIPTED_SERVICE_TIME_S": "0.3"}
    photos = [photo(0, green) for green in range(3 * CHUNK_MAX)]
    with bench.worker(**slow) as worker:
        job_id = bench.submit_in_chunks(photos, size)
        bench.until(lambda: bench.counts(job_id)[ItemState.SUCCEEDED])
        assert worker.terminate() == 0
        assert bench.client.keys("ic:held:*") == []
        assert bench.client.hgetall("ic:workers") == {}
        assert bench.counts(job_id)[ItemState.RUNNING] == 0
        with bench.worker():
            job = bench.wait(job_id)
    assert ends(job) == [str(green) for green in range(3 * CHUNK_MAX)]
    assert max(bench.attempts(job_id)) <= 2
    assert bench.client.hget("ic:ended", "batch|succeeded") == str(3 * CHUNK_MAX)


def test_a_chunk_that_an_older_worker_discards_is_sent_again(bench: Bench) -> None:
    """What a release does that knows no chunks; its message counts as lost."""
    job_id = bench.submit_in_chunks([photo(0, green) for green in range(2 * CHUNK_MAX)])
    bench.client.rpop("batch")
    with bench.worker():
        job = bench.wait(job_id)
    assert ends(job) == [str(green) for green in range(2 * CHUNK_MAX)]
    assert bench.attempts(job_id) == [2] * CHUNK_MAX + [1] * CHUNK_MAX
