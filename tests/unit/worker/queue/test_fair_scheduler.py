"""Whose turn it is, and what the consumer names first in BRPOP."""

from collections import Counter

from shared.queue.names import QueueName
from worker.queue.transport import FairScheduler, PreferInteractive


def test_two_busy_queues_are_served_about_four_to_one() -> None:
    preference, taken = FairScheduler(), Counter[QueueName]()
    for _ in range(100):
        queue = preference.first
        preference.took(queue)
        taken[queue] += 1
    assert taken == {QueueName.INTERACTIVE: 80, QueueName.BATCH: 20}


def test_a_batch_queue_by_itself_is_served_all_the_time() -> None:
    cycle = PreferInteractive(["batch", "interactive"])
    for _ in range(10):
        assert cycle.consume(2) == ["interactive", "batch"]
        cycle.rotate("batch")


def test_after_four_waiting_requests_a_batch_is_named_first() -> None:
    cycle = PreferInteractive()
    cycle.update(["batch", "interactive"])
    firsts = []
    for _ in range(10):
        first = cycle.consume(2)[0]
        firsts.append(first)
        cycle.rotate(first)
    assert firsts == [*["interactive"] * 4, "batch"] * 2


def test_a_foreign_queue_is_consumed_and_not_counted() -> None:
    cycle = PreferInteractive(["other"])
    cycle.rotate("other")
    assert cycle.consume(1) == ["other"]
