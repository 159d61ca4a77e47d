"""A dead worker's items do not wait a second time: they go before what has not been started."""

import pytest
from kombu.transport import TRANSPORT_ALIASES

from shared.messages import ItemRef
from shared.queue.celery_app import make_celery, send
from shared.queue.names import QueueName
from tests.integration.worker.conftest import Bench, ends, photo


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

        bench.until(lambda: states() == {"succeeded"}, 40)
        assert bench.client.llen("batch") > 100
        assert all(bench.attempts(job_id)[index] == 2 for index in held)
        job = bench.wait(job_id)
    assert ends(job) == [str(green % 256) for green in range(400)]
    # What only waited was not taken for lost because others went before it; a few that the worker
    # had received and not yet started were.
    assert sum(attempt > 1 for attempt in bench.attempts(job_id)) <= len(held) + 4


def test_a_message_for_a_photo_alone_is_the_next_to_be_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRANSPORT_ALIASES, "redis", "worker.queue.transport:TolerantTransport")
    monkeypatch.setattr("kombu.transport._transport_cache", {})
    sender = make_celery(bench.redis_url)
    for index in range(3):
        send(sender, QueueName.BATCH, [ItemRef("waits", index, 1)])
    send(sender, QueueName.BATCH, [ItemRef("alone", 0, 2)], alone=True)
    send(sender, QueueName.BATCH, [ItemRef("later", 0, 1)])
    sender.close()
    _, taken = bench.client.brpop(["batch"], timeout=1)
    assert '"alone.0.2"' in taken
