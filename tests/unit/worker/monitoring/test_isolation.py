"""The gate with real threads; each step waits for an event, never for a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker.monitoring.in_flight import IsolationLock


def test_ordinary_items_run_together() -> None:
    isolation, together = IsolationLock(), threading.Barrier(3)

    def enter() -> None:
        with isolation.enter(alone=False):
            together.wait(10)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(enter) for _ in range(3)]:
            future.result(10)


def test_a_suspect_item_runs_by_itself() -> None:
    isolation, lock = IsolationLock(), threading.Lock()
    inside: list[bool] = []
    seen: list[list[bool]] = []

    def enter(alone: bool) -> None:
        for _ in range(200):
            with isolation.enter(alone=alone):
                with lock:
                    inside.append(alone)
                    if any(inside):
                        seen.append(list(inside))
                with lock:
                    inside.remove(alone)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(enter, n % 3 == 0) for n in range(6)]:
            future.result(30)
    assert len(seen) == 400
    assert all(people == [True] for people in seen)


def test_new_items_wait_behind_a_waiting_suspect() -> None:
    isolation, order = IsolationLock(), []
    first_in, let_go = threading.Event(), threading.Event()

    def first() -> None:
        with isolation.enter(alone=False):
            first_in.set()
            assert let_go.wait(10)
            order.append("first")

    def later(name: str, alone: bool) -> None:
        with isolation.enter(alone=alone):
            order.append(name)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        assert first_in.wait(10)
        futures.append(pool.submit(later, "suspect", True))
        while isolation.waiting_suspects == 0:
            pass
        futures.append(pool.submit(later, "newcomer", False))
        let_go.set()
        for future in futures:
            future.result(10)
    assert order == ["first", "suspect", "newcomer"]


@pytest.mark.parametrize("alone", [False, True])
def test_no_item_starts_while_the_lock_is_closed(alone: bool) -> None:
    isolation, order = IsolationLock(), []
    begun = threading.Event()

    def enter() -> None:
        begun.set()
        with isolation.enter(alone=alone):
            order.append("entered")

    with ThreadPoolExecutor(1) as pool:
        with isolation.closed():
            with isolation.closed():
                newcomer = pool.submit(enter)
                assert begun.wait(10)
            with pytest.raises(TimeoutError):
                newcomer.result(0.2)
            order.append("opened")
        newcomer.result(10)
    assert order == ["opened", "entered"]
