"""At least once, counted once: a real worker on a real Redis."""

import signal

from shared.messages import ItemRef, ItemResult, ItemState, JobState
from shared.queue.names import QueueName
from shared.records.items import Finish, ItemStore
from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.scripted_colors import FAILS, HANGS, KILLS, NO_NUMBER


def test_a_batch_ends_in_order_and_its_uploads_are_gone(bench: Bench) -> None:
    with bench.worker():
        job = bench.wait(bench.submit([photo(0, green) for green in range(100)]))
    assert job.status is JobState.COMPLETED
    assert ends(job) == [str(green) for green in range(100)]
    assert bench.stored() == []
    assert 0 < bench.client.ttl(f"ic:job:{job.job_id}") <= 3600


def test_a_message_that_comes_twice_gives_one_result(bench: Bench) -> None:
    job_id = bench.record([photo(0, 7)])
    bench.send(job_id, 1)
    bench.client.lpush("batch", *[bench.message(job_id, 0, 1)] * 4)
    with bench.worker():
        bench.wait(job_id)
        bench.until(lambda: bench.client.llen("batch") == 0)
        job = bench.read(job_id)
    assert ends(job) == ["7"]
    assert sum(job.counts.values()) == 1
    assert bench.client.hget("ic:ended", "batch|succeeded") == "1"


def test_a_stale_finish_is_ignored(bench: Bench) -> None:
    job_id = bench.record([photo(0)])
    first, second = (ItemStore(bench.client, name) for name in ("first", "second"))
    old = ItemRef(job_id, 0, 1)
    assert first.start(old, "a") is not None
    assert second.start(old, "b") is None
    due = ItemRef(job_id, 0, 2)
    assert second.requeue_lost(old, "first", bench.message(job_id, 0, 2))
    assert not second.requeue_lost(old, "first", bench.message(job_id, 0, 2))
    assert first.finish(old, ItemResult(predictions=[])) is Finish.STALE
    assert first.start(old, "a") is None
    assert second.start(due, "c") is not None
    assert first.finish(due, ItemResult(predictions=[])) is Finish.STALE
    assert second.finish(due, ItemResult(predictions=[])) is Finish.COUNTED
    assert second.finish(due, ItemResult(predictions=[])) is Finish.ENDED
    assert bench.read(job_id).status is JobState.COMPLETED


def test_a_start_whose_answer_was_lost_may_be_asked_again(bench: Bench) -> None:
    job_id = bench.record([photo(0)])
    store, ref = ItemStore(bench.client, "worker"), ItemRef(job_id, 0, 1)
    assert store.start(ref, "this run") is not None
    assert store.start(ref, "this run") is not None
    assert store.start(ref, "another run of the same message") is None
    assert bench.counts(job_id)[ItemState.RUNNING] == 1
    assert store.finish(ref, ItemResult(predictions=[])) is Finish.COUNTED
    assert store.start(ref, "this run") is None


def test_a_job_that_no_api_sends_is_sent_by_a_worker(bench: Bench) -> None:
    with bench.worker() as worker:
        job = bench.wait(bench.record([photo(0, 1), photo(0, 2)]))
        assert "rest of a job sent" in worker.log
    assert ends(job) == ["1", "2"]
    assert bench.attempts(job.job_id) == [1, 1]


def test_a_lost_message_is_sent_again(bench: Bench) -> None:
    job_id = bench.submit([photo(0, 1), photo(0, 2)])
    assert bench.client.rpop("batch")
    with bench.worker() as worker:
        job = bench.wait(job_id)
        assert "sent again" in worker.log
    assert ends(job) == ["1", "2"]
    assert bench.attempts(job_id) == [2, 1]


def test_a_lost_message_is_sent_again_while_its_queue_stays_busy(bench: Bench) -> None:
    lost = bench.submit([photo(0, 5)])
    assert bench.client.rpop("batch")
    busy = bench.submit([photo(0, 6)] * 150)
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.1", MAX_BATCH_SIZE="2", WORKER_THREADS="2"):
        bench.until(lambda: bench.attempts(lost) == [2])
        assert not bench.ended(busy)
        assert bench.client.llen("batch") > 0
        assert set(bench.attempts(busy)) == {1}
        job = bench.wait(lost)
    assert ends(job) == ["5"]


def test_a_merely_waiting_item_is_never_sent_again(bench: Bench) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.1", MAX_BATCH_SIZE="1", WORKER_THREADS="1"):
        job = bench.wait(bench.submit([photo(0, 1)] * 60))
    assert set(bench.attempts(job.job_id)) == {1}


def test_an_item_that_waits_behind_a_suspect_is_not_sent_again(bench: Bench) -> None:
    # a second worker that other tests hold up is not to be taken for dead, too
    slow = {"SCRIPTED_SERVICE_TIME_S": "4", "MAX_BATCH_SIZE": "1", "SCRIPTED_DEAD_MS": "12000"}
    with bench.worker(restart=True, **slow) as worker:
        suspect = bench.submit([photo(0, 1)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        worker.kill()
        bench.until(lambda: bench.attempts(suspect) == [2])
        bench.until(lambda: bench.counts(suspect)[ItemState.RUNNING])
        # Its message is in no queue for four seconds, twice what makes an item suspicious.
        behind = bench.submit([photo(0, 2)])
        assert ends(bench.wait(behind)) == ["2"]
    assert bench.attempts(suspect) == [2]
    assert bench.attempts(behind) == [1]


def test_a_killed_worker_loses_nothing(bench: Bench) -> None:
    # long enough that the kill comes in the first call: between an item's end and its upload's, the
    # upload would be left to the sweeper
    with bench.worker(restart=True, SCRIPTED_SERVICE_TIME_S="0.4") as worker:
        job_id = bench.submit([photo(0, green) for green in range(80)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        worker.kill()
        job = bench.wait(job_id)
        assert worker.starts == 2
        # an upload goes a moment after its item's end
        bench.until(lambda: not bench.stored())
    assert ends(job) == [str(green) for green in range(80)]
    assert max(bench.attempts(job_id)) > 1
    assert bench.client.hget("ic:ended", "batch|succeeded") == "80"


def test_only_a_photo_that_kills_the_worker_fails(bench: Bench) -> None:
    photos = [photo(0, green) for green in range(12)]
    photos[5] = photo(KILLS)
    # Slow enough that its neighbours are with it in the model when it kills.
    with bench.worker(restart=True, SCRIPTED_SERVICE_TIME_S="0.1") as worker:
        job = bench.wait(bench.submit(photos), 120)
        assert worker.starts == 4
    expected = [str(green) for green in range(12)]
    expected[5] = "worker_lost"
    assert ends(job) == expected


def test_a_photo_that_hangs_the_model_ends_as_item_timeout(bench: Bench) -> None:
    photos = [photo(0, 1), photo(HANGS), photo(0, 2)]
    with bench.worker(restart=True, ITEM_TIMEOUT_S="3") as worker:
        job = bench.wait(bench.submit(photos), 120)
        # its end is recorded a moment before the process ends
        bench.until(lambda: worker.starts == 3)
    assert ends(job) == ["1", "item_timeout", "2"]


def test_a_photo_that_fails_the_model_fails_alone(bench: Bench) -> None:
    with bench.worker():
        photos = [photo(0, 1), photo(FAILS), photo(NO_NUMBER), photo(0, 2), b"no photo"]
        job = bench.wait(bench.submit(photos))
    failed = "inference_failed"
    assert ends(job) == ["1", failed, failed, "2", "unsupported_media_type"]


def test_waiting_for_the_model_is_not_over_time(bench: Bench) -> None:
    slow = {"SCRIPTED_SERVICE_TIME_S": "0.6", "MAX_BATCH_SIZE": "1", "ITEM_TIMEOUT_S": "3"}
    with bench.worker(**slow, WORKER_THREADS="8") as worker:
        job = bench.wait(bench.submit([photo(0, 1)] * 16))
        assert worker.starts == 1
    assert ends(job) == ["1"] * 16
    assert set(bench.attempts(job.job_id)) == {1}


def test_a_cancelled_item_is_dropped_before_it_costs_a_decode(bench: Bench) -> None:
    job_id = bench.submit([photo(KILLS)] * 3)
    assert sorted(bench.cancel(job_id)) == [0, 1, 2]
    with bench.worker() as worker:
        bench.until(lambda: bench.client.llen("batch") == 0)
        assert ends(bench.wait(bench.submit([photo(0, 3)]))) == ["3"]
        assert worker.starts == 1
    job = bench.read(job_id)
    assert job.status is JobState.CANCELLED
    assert ends(job) == ["cancelled"] * 3


def test_waiting_requests_overtake_a_batch(bench: Bench) -> None:
    slow = {"SCRIPTED_SERVICE_TIME_S": "0.1", "MAX_BATCH_SIZE": "1", "WORKER_THREADS": "2"}
    with bench.worker(**slow):
        batch = bench.submit([photo(0, 1)] * 100)
        bench.until(lambda: bench.client.keys("ic:held:*"))
        bench.wait(bench.submit([photo(0, 2)], QueueName.INTERACTIVE))
        assert not bench.ended(batch)


def test_sigterm_finishes_running_items_and_removes_the_worker(bench: Bench) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.2", MAX_BATCH_SIZE="2") as worker:
        job_id = bench.submit([photo(0, 1)] * 100)
        bench.until(lambda: bench.client.keys("ic:held:*"))
        assert worker.terminate() == 0
        assert bench.client.hgetall("ic:workers") == {}
        assert bench.client.keys("ic:held:*") == []
        with bench.worker(SCRIPTED_SERVICE_TIME_S="0", MAX_BATCH_SIZE="8"):
            job = bench.wait(job_id)
    assert ends(job) == ["1"] * 100
    assert set(bench.attempts(job_id)) == {1}


def test_a_stopped_worker_that_wakes_changes_nothing(bench: Bench) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.3", MAX_BATCH_SIZE="2") as sleeper:
        job_id = bench.submit([photo(0, green) for green in range(40)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        sleeper.process.send_signal(signal.SIGSTOP)
        with bench.worker():
            bench.wait(job_id)
            sleeper.process.send_signal(signal.SIGCONT)
            bench.until(lambda: sleeper.log.count("result ignored") > 0)
            job = bench.read(job_id)
    assert ends(job) == [str(green) for green in range(40)]
    assert bench.client.hget("ic:ended", "batch|succeeded") == "40"
