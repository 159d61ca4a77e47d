"""Which queue is next when photos of both wait."""

from collections import Counter

from shared.queue.names import QueueName
from worker.inference.waiting_photos import FairScheduler


def test_two_busy_queues_are_served_about_four_to_one() -> None:
    preference, taken = FairScheduler(), Counter[QueueName]()
    for _ in range(100):
        queue = preference.first
        preference.took(queue)
        taken[queue] += 1
    assert taken == {QueueName.INTERACTIVE: 80, QueueName.BATCH: 20}
