"""A reconciler that the test winds on by hand, on a real Redis."""

from dataclasses import replace

import pytest

from shared.messages import ItemRef
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from tests.integration.worker.conftest import Bench
from worker.recovery.reconciler import Reconciler
from worker.recovery.redis_index import Observation, RecoveryIndex


class Watch(RecoveryIndex):
    """An index that reports a later time than Redis does, and counts how often it reads a queue."""

    later_ms = 0
    reads = 0

    def messages_in(self, queue: QueueName) -> set[ItemRef]:
        self.reads += 1
        return super().messages_in(queue)

    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, at_ms=seen.at_ms + self.later_ms)


@pytest.fixture
def watch(bench: Bench) -> Watch:
    return Watch(bench.client, "alive")


@pytest.fixture
def watcher(bench: Bench, watch: Watch) -> Reconciler:
    return Reconciler(watch, ItemStore(bench.client, "alive"), bench.messages)


def look_for(watcher: Reconciler, watch: Watch, seconds: int) -> None:
    """Once a second."""
    for _ in range(seconds):
        watcher.tick()
        watch.later_ms += 1000
