"""A dead worker's items do not wait a second time: they go before what has not been started."""

from shared.messages import ItemRef
from shared.records.items import ItemStore
from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.played_worker import take


def test_a_killed_workers_items_end_before_the_backlog(bench: Bench) -> None:
    slow = {"SCRIPTED_SERVICE_TIME_S": "0.05", "MAX_BATCH_SIZE": "1", "WORKER_THREADS": "2"}
    with bench.worker(restart=True, **slow) as worker:
        job_id = bench.submit([photo(0, green % 256) for green in range(400)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        worker.kill()
        [key] = bench.client.keys("ic:held:*")
        held = [int(member.rpartition(":")[2]) for member in bench.client.smembers(key)]

        def states() -> set[str]:
            items = bench.read(job_id).items
            return {items[index].status.value for index in held}

        bench.until(lambda: states() == {"succeeded"})
        assert bench.client.llen("batch") > 100
        assert all(bench.attempts(job_id)[index] == 2 for index in held)
        job = bench.wait(job_id)
    assert ends(job) == [str(green % 256) for green in range(400)]
    # What only waited was not taken for lost because others went before it; a few that the worker
    # had received and not yet started were.
    assert sum(attempt > 1 for attempt in bench.attempts(job_id)) <= len(held) + 4


def test_a_lost_workers_item_is_the_next_to_be_taken(bench: Bench) -> None:
    lost = bench.submit([photo(0)])
    waiting = bench.submit([photo(0)] * 3)
    store = ItemStore(bench.client, "dead")
    assert take(bench.client, "batch") == ItemRef(lost, 0, 1)
    assert store.start(ItemRef(lost, 0, 1), "run") is not None
    assert store.requeue_lost(ItemRef(lost, 0, 1), "dead", bench.message(lost, 0, 2))
    assert take(bench.client, "batch") == ItemRef(lost, 0, 2)
    assert take(bench.client, "batch") == ItemRef(waiting, 0, 1)
