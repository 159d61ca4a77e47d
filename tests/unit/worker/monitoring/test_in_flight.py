"""Heartbeat and watchdog count their own ticks: a stopped process does not end when it wakes."""

import threading
from collections.abc import Callable, Iterator

import fakeredis
import pytest

from shared.messages import ItemRef, ModelCard, WorkerState
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from worker.monitoring.heartbeat import DEAF_TICKS, EXIT_DEAF, STALLED_TICKS, Heartbeat, chunk_of
from worker.monitoring.in_flight import InFlightItem, InFlightItems
from worker.monitoring.watchdog import EXIT_TIMEOUT, TICK_S, Watchdog

REF = ItemRef("job", 0, 1)
NOTHING = {QueueName.INTERACTIVE: 0, QueueName.BATCH: 0}
SOMETHING = {QueueName.INTERACTIVE: 0, QueueName.BATCH: 3}
CARD = ModelCard(
    name="resnet50",
    weights="test",
    sha256="0" * 64,
    device="cpu",
    precision="fp32",
    runtime="torch",
    input_size=[224, 224, 3],
    transform="test",
    classes=["cat"],
)


@pytest.fixture
def items() -> Iterator[ItemStore]:
    with fakeredis.FakeRedis(decode_responses=True) as client:
        yield ItemStore(client, "test")


@pytest.fixture
def ended() -> list[int]:
    return []


@pytest.fixture
def activity() -> InFlightItems:
    return InFlightItems()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def heartbeat(
    items: ItemStore, activity: InFlightItems, stopping: threading.Event, ended: list[int]
) -> Heartbeat:
    beat = Heartbeat(items, activity, "test", 2, stopping, end=ended.append)
    beat.ready(CARD)
    return beat


def test_a_worker_is_starting_until_its_model_is_loaded(items: ItemStore) -> None:
    beat = Heartbeat(items, InFlightItems(), "test", 2, threading.Event())
    for _ in range(100):
        beat.tick(SOMETHING)
    assert beat.state is WorkerState.STARTING
    beat.ready(CARD)
    assert beat.state is WorkerState.IDLE


def begin(item: InFlightItem) -> None:
    """As the pipeline does once the photo is decoded."""
    item.started = item.decoded = True


def broken_photo(activity: InFlightItems) -> None:
    with activity.message([REF], QueueName.BATCH) as [item]:
        item.started = True


def stale_message(activity: InFlightItems) -> None:
    with activity.message([REF], QueueName.BATCH):
        pass


def test_holding_work_without_an_end_for_ten_seconds_is_stalled(
    heartbeat: Heartbeat, activity: InFlightItems
) -> None:
    with activity.message([REF], QueueName.BATCH) as [item]:
        begin(item)
        for _ in range(STALLED_TICKS - 1):
            heartbeat.tick(NOTHING)
            assert heartbeat.state is WorkerState.BUSY
        heartbeat.tick(NOTHING)
        assert heartbeat.state is WorkerState.STALLED
    heartbeat.tick(NOTHING)
    assert heartbeat.state is WorkerState.IDLE


def test_a_slow_worker_that_ends_something_now_and_then_is_busy(
    heartbeat: Heartbeat, activity: InFlightItems
) -> None:
    with activity.message([REF], QueueName.BATCH) as [item]:
        begin(item)
        for _ in range(10):
            for _ in range(STALLED_TICKS - 1):
                heartbeat.tick(NOTHING)
            with activity.message([REF], QueueName.BATCH) as [other]:
                begin(other)
            heartbeat.tick(NOTHING)
            assert heartbeat.state is WorkerState.BUSY


@pytest.mark.parametrize("passes", [stale_message, broken_photo])
def test_a_worker_that_hangs_while_others_never_reach_the_model_is_stalled(
    heartbeat: Heartbeat, activity: InFlightItems, passes: Callable[[InFlightItems], None]
) -> None:
    with activity.message([REF], QueueName.BATCH) as [item]:
        begin(item)
        for _ in range(STALLED_TICKS):
            passes(activity)
            heartbeat.tick(SOMETHING)
    assert heartbeat.state is WorkerState.STALLED


@pytest.mark.parametrize("started", [False, True], ids=["stale", "broken"])
def test_a_worker_whose_photos_never_reach_the_model_is_not_stalled(
    heartbeat: Heartbeat, activity: InFlightItems, started: bool
) -> None:
    for _ in range(2 * STALLED_TICKS):
        with activity.message([REF], QueueName.BATCH) as [item]:
            item.started = started
            heartbeat.tick(SOMETHING)
            assert heartbeat.state is WorkerState.BUSY


def test_a_consumer_that_receives_nothing_is_stalled_and_then_exits(
    heartbeat: Heartbeat, ended: list[int]
) -> None:
    for _ in range(STALLED_TICKS):
        heartbeat.tick(SOMETHING)
    assert heartbeat.state is WorkerState.STALLED
    assert ended == []
    for _ in range(DEAF_TICKS - STALLED_TICKS):
        heartbeat.tick(SOMETHING)
    assert ended == [EXIT_DEAF]


def test_a_consumer_that_is_deaf_to_one_queue_is_ended_while_the_other_flows(
    heartbeat: Heartbeat, activity: InFlightItems, ended: list[int]
) -> None:
    for _ in range(DEAF_TICKS):
        with activity.message([REF], QueueName.INTERACTIVE):
            heartbeat.tick(SOMETHING)
    assert ended == [EXIT_DEAF]


def test_messages_of_one_queue_take_no_thread_of_the_other(
    heartbeat: Heartbeat, activity: InFlightItems, ended: list[int]
) -> None:
    interactive = QueueName.INTERACTIVE
    with activity.message([REF], interactive), activity.message([REF], interactive):
        for _ in range(DEAF_TICKS):
            heartbeat.tick(SOMETHING)
    assert ended == [EXIT_DEAF]


def test_items_of_a_message_that_have_ended_are_held_no_longer(activity: InFlightItems) -> None:
    refs = [ItemRef("job", index, 1) for index in range(3)]
    with activity.message(refs, QueueName.BATCH) as entries:
        begin(entries[0])
        activity.end(entries[:2])
        assert activity.entries() == entries[2:]
        assert activity.finished == 1
        activity.end(entries[2:])
        busy_s = activity.busy_s()
        assert activity.open_messages(QueueName.BATCH) == 1
    assert activity.busy_s() == busy_s
    assert activity.finished == 1
    assert activity.received[QueueName.BATCH] == 1


@pytest.mark.parametrize(
    ("per_s", "threads", "photos"),
    [
        *[(None, 8, 4), (0.3, 8, 1), (14, 8, 1), (20, 8, 2), (45, 8, 4), (54, 8, 5), (160, 8, 16)],
        *[(30, 12, 3), (160, 12, 16), (3_000, 8, 16), (3_000, 64, 16), (160, 64, 3), (160, 256, 1)],
    ],
)
def test_a_message_is_a_tenth_of_a_second_and_all_together_little_more_than_one(
    per_s: float | None, threads: int, photos: int
) -> None:
    assert chunk_of(per_s, threads) == photos


def test_busy_threads_with_a_long_queue_are_not_stalled(
    heartbeat: Heartbeat, activity: InFlightItems, ended: list[int]
) -> None:
    with activity.message([REF], QueueName.BATCH), activity.message([REF], QueueName.BATCH):
        for _ in range(2 * DEAF_TICKS):
            heartbeat.tick(SOMETHING)
    assert ended == []


def test_only_what_runs_is_timed_and_a_wait_is_not(items: ItemStore, ended: list[int]) -> None:
    activity = InFlightItems()
    watchdog = Watchdog(items, activity, item_timeout_s=2, end=ended.append)
    with activity.message([REF], QueueName.BATCH) as [entry]:
        for _ in range(100):
            watchdog.tick()
        assert ended == []
        with activity.timed(entry):
            for _ in range(int(2 / TICK_S)):
                watchdog.tick()
            assert ended == []
            watchdog.tick()
    assert ended == [EXIT_TIMEOUT]


def test_each_phase_has_the_whole_time(items: ItemStore, ended: list[int]) -> None:
    activity = InFlightItems()
    watchdog = Watchdog(items, activity, item_timeout_s=2, end=ended.append)
    with activity.message([REF], QueueName.BATCH) as [entry]:
        for _ in range(2):
            with activity.timed(entry):
                for _ in range(int(2 / TICK_S)):
                    watchdog.tick()
    assert ended == []


def test_a_worker_that_is_stopping_is_not_stalled(
    heartbeat: Heartbeat, stopping: threading.Event, ended: list[int]
) -> None:
    stopping.set()
    for _ in range(2 * DEAF_TICKS):
        heartbeat.tick(SOMETHING)
    assert heartbeat.state is WorkerState.IDLE
    assert ended == []
