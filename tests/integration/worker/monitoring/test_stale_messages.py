"""Messages that are dropped are no work: neither for a worker's rate nor for its state."""

import time
from collections.abc import Callable, Iterator

import pytest

from shared.messages import WorkerReport, WorkerState
from shared.queue.names import QueueName
from shared.redis_keys import WORKERS
from tests.integration.worker.conftest import Bench, photo
from tests.support.scripted_colors import HANGS

STALE = 1_500
# One call of 0.1 s a photo: no worker can end more than ten a second. A heartbeat between the end
# of an item and the end of its busy time counts one item early; dropped messages would lift the
# rate to hundreds.
SLOW = {"SCRIPTED_SERVICE_TIME_S": "0.1", "MAX_BATCH_SIZE": "1"}
MOST_PER_S = 15


def cancelled_batch(bench: Bench) -> None:
    job_id = bench.submit([photo(0)] * STALE)
    bench.cancel(job_id)


def photos_that_cannot_be_decoded(bench: Bench) -> None:
    """Their bytes are read, but the model never has them."""
    bench.submit([photo(0)[:60]] * STALE)


def clients_that_hung_up(bench: Bench) -> None:
    [message] = _stale_messages(bench)
    bench.client.lpush("interactive", *[message] * STALE)


def _stale_messages(bench: Bench) -> list[str]:
    job_id = bench.submit([photo(0)], QueueName.INTERACTIVE)
    bench.cancel(job_id)
    return bench.client.lpop("interactive", 1)


def reports(bench: Bench, while_: Callable[[], object]) -> Iterator[WorkerReport]:
    """The worker's report, again and again."""
    while while_():
        for text in bench.client.hvals(WORKERS):
            yield WorkerReport.model_validate_json(text)
        time.sleep(0.02)


@pytest.mark.parametrize(
    "drop", [cancelled_batch, clients_that_hung_up, photos_that_cannot_be_decoded]
)
def test_dropped_messages_do_not_raise_the_throughput(
    bench: Bench, drop: Callable[[Bench], None]
) -> None:
    drop(bench)
    with bench.worker(**SLOW):
        queues = [queue.value for queue in QueueName]
        for at in range(5):
            work = bench.submit([photo(0)] * 3)
            for report in reports(bench, lambda: not bench.ended(work)):  # noqa: B023 - used at once
                assert report.rate_per_s is None or report.rate_per_s < MOST_PER_S, at
                assert report.status is not WorkerState.STALLED
        bench.until(lambda: not any(map(bench.client.llen, queues)))
        for report in reports(bench, iter([True] * 20 + [False]).__next__):
            assert report.rate_per_s is None or report.rate_per_s < MOST_PER_S


def test_a_hung_model_is_stalled_while_stale_messages_flow(bench: Bench) -> None:
    [message] = _stale_messages(bench)
    with bench.worker(WORKER_THREADS="2", MAX_BATCH_SIZE="1"):
        bench.submit([photo(HANGS)])

        def stalled() -> bool:
            bench.client.lpush("interactive", *[message] * 50)
            [text] = bench.client.hvals(WORKERS)
            return WorkerReport.model_validate_json(text).status is WorkerState.STALLED

        bench.until(stalled)
